#!/usr/bin/env python3
"""The audit log of three jacods: read whole, and followed while servers come
and go.

    e2e_audit_test.py JACOD JACO
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

from e2e_host import Host, agreed_leader, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


class Follower:
  """A command that goes on, and what it has printed."""

  def __init__(self, *arguments, **environment):
    self.process = subprocess.Popen(
        [JACO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=dict(os.environ, **environment))
    self.out, self.err = [], []
    self._readers = [
        threading.Thread(target=self._read, args=pipe, daemon=True)
        for pipe in ((self.process.stdout, self.out),
                     (self.process.stderr, self.err))]
    for reader in self._readers:
      reader.start()

  def _read(self, pipe, lines):
    for line in pipe:
      lines.append(line)

  def wait_for(self, text, lines=None):
    """Until a line has it; `lines` is what it has printed by default."""
    lines = self.out if lines is None else lines
    wait('%r in %r' % (text, lines),
         lambda: any(text in line for line in list(lines)), 40)

  def interrupt(self):
    """Its exit code."""
    self.process.send_signal(signal.SIGINT)
    code = self.process.wait(20)
    for reader in self._readers:
      reader.join(20)
    return code

  def close(self):
    if self.process.poll() is None:
      self.process.kill()
    self.process.wait()
    self.process.stdout.close()
    self.process.stderr.close()


class AuditTest(unittest.TestCase):

  def host(self, number):
    host = Host(JACOD, JACO, node_name='node-%d' % number)
    self.addCleanup(host.close)
    host.start()
    return host

  def follow(self, *arguments, **environment):
    follower = Follower(*arguments, **environment)
    self.addCleanup(follower.close)
    return follower

  def three(self):
    hosts = [self.host(1)]
    self.token = hosts[0].init()
    for number in (2, 3):
      host = self.host(number)
      host.join(hosts[0])
      hosts.append(host)
    wait('three voters', lambda: self.voters(hosts[0]) == 3)
    return hosts

  def voters(self, host):
    status, answer = host.call('GET', '/v1/operator/raft/configuration?stale')
    return sum(peer['Voter'] for peer in answer['Servers']) if (
        status == 200) else 0

  def events(self, host, *arguments):
    return json.loads(host.command('audit', '-o', 'json', *arguments))

  def test_one_server(self):
    host = self.host(1)
    said = host.jaco('audit')
    self.assertEqual(said.returncode, 1)
    self.assertTrue(said.stderr.startswith('Error: cluster_uninitialized: '),
                    said.stderr)
    token = host.init()
    wait('it has announced itself', lambda: host.call(
        'GET', '/v1/cluster/status')[1]['feature_level'] > 0)
    host.command('token', 'issue', '--name', 'alice')
    host.command('token', 'revoke', 'alice')
    lines = host.command('audit').splitlines()
    self.assertEqual(lines[0].split(), ['TYPE', 'TS', 'IDENTITY', 'PAYLOAD'])
    self.assertEqual(lines[1].split()[0], 'node_join')
    self.assertEqual(lines[-1].split()[0], 'token_revoke')
    self.assertEqual(lines[-1].split()[2:], ['local', 'identity=alice'])
    events = self.events(host)
    self.assertEqual(len(events), len(lines) - 1)
    indexes = [event['index'] for event in events]
    self.assertEqual(indexes, sorted(set(indexes)))
    self.assertEqual(events[-1]['payload'], {'identity': 'alice'})

    # Filters, and what they may not be.
    self.assertEqual(
        [e['type'] for e in self.events(host, '--type', 'token_issue')],
        ['token_issue'])
    self.assertEqual(self.events(host, '--since', '1h'), events)
    self.assertEqual(self.events(host, '--since', '0s'), [])
    self.assertEqual(
        self.events(host, '--since', events[-2]['ts'], '--type=token_revoke'),
        events[-1:])
    for bad in (['--type', 'tokens'], ['--since', 'soon'], ['--since=-1h']):
      said = host.jaco('audit', *bad)
      self.assertEqual(said.returncode, 1)
      self.assertTrue(said.stderr.startswith('Error: validation_failed: '),
                      said.stderr)
    self.assertIn('known are: node_join, ',
                  host.jaco('audit', '--type', 'x').stderr)

    # Over HTTP.
    status, page = host.call('GET', '/v1/audit?limit=2')
    self.assertEqual((status, page['events'], page['more']),
                     (200, events[:2], True))
    status, page = host.call('GET', '/v1/audit?after=%d' % page['next'])
    self.assertEqual((page['events'], page['more'], page['gap']),
                     (events[2:], False, False))
    self.assertGreaterEqual(page['index'], events[-1]['index'])
    for query in ('limit=0', 'limit=1001', 'limit=x', 'after=x', 'since=x',
                  'type=x', 'type=', 'stale=x'):
      status, error = host.call('GET', '/v1/audit?' + query)
      self.assertEqual((status, error['code']), (400, 'validation_failed'),
                       query)

    # With a token, and without a good one.
    ca = os.path.join(host.data, 'node', 'ca.crt')
    remote = ['audit', '--server', host.api, '--ca-cert', ca]
    for credential, said in ((token, ''),
                             ('f' * 64, 'Error: token_invalid: '),
                             (host.new_join_token().split('.')[0],
                              'Error: permission_denied: ')):
      done = subprocess.run([JACO, *remote], capture_output=True, text=True,
                            env=dict(os.environ, JACO_TOKEN=credential))
      self.assertEqual(done.returncode, 1 if said else 0, done.stderr)
      self.assertTrue(done.stderr.startswith(said), done.stderr)

    # What else the command line says.
    issued = host.command('node', 'issue-join-token', '--show-ca')
    with open(ca) as f:
      self.assertTrue(issued.endswith('\n\n' + f.read()), issued)
    host.stop()
    host.start()
    self.assertEqual(self.events(host)[:len(events)], events)

  def test_following(self):
    hosts = self.three()
    leader = agreed_leader(hosts)
    followers = [h for h in hosts if h is not leader]
    ca = os.path.join(leader.data, 'node', 'ca.crt')
    local = self.follow('audit', '-f', '-o', 'json', '--socket',
                        followers[0].socket)
    remote = self.follow('audit', '--follow', '--type', 'token_issue',
                         '--server', followers[1].api, '--ca-cert', ca,
                         JACO_TOKEN=self.token)
    leader.command('token', 'issue', '--name', 'first')
    local.wait_for('"identity":"first"')
    remote.wait_for('identity=first')

    # An election.
    leader.kill()
    followers[0].command('token', 'issue', '--name', 'second')
    local.wait_for('"identity":"second"')
    remote.wait_for('identity=second')
    leader.start()

    # No majority at all: only that says so for certain.
    leader.kill()
    followers[1].kill()
    local.wait_for('no leader, retrying', local.err)
    leader.start()
    followers[1].start()
    leader.command('token', 'issue', '--name', 'third')
    local.wait_for('"identity":"third"')

    # The server that it asks is down for a while.
    followers[0].kill()
    local.wait_for('is jacod running?, retrying', local.err)
    leader.command('token', 'issue', '--name', 'meanwhile')
    followers[0].start()
    local.wait_for('"identity":"meanwhile"')
    remote.wait_for('identity=meanwhile')

    self.assertEqual(local.interrupt(), 0)
    self.assertEqual(remote.interrupt(), 0)
    # Nothing is missing, and nothing is there twice.
    seen = [json.loads(line) for line in local.out]
    self.assertEqual(
        seen, self.events(leader)[:len(seen)])
    self.assertEqual(
        [line.split()[3] for line in remote.out[1:]],
        ['identity=' + name for name in ('first', 'second', 'third',
                                         'meanwhile')])

  def test_the_log_of_a_server(self):
    host = self.host(1)
    monitor = self.follow('monitor', '-n', '100', '--socket', host.socket)
    monitor.wait_for('info  jacod: ready, uninitialized\n')
    token = host.init()
    monitor.wait_for('certificate in force')
    # The same lines, in the same order, as on standard error.
    log = [line.split('Z ', 1)[1] for line in host.read_log().splitlines(True)]
    seen = [line.split('Z ', 1)[1] for line in list(monitor.out)]
    self.assertEqual(seen, log[:len(seen)])
    host.stop()
    monitor.wait_for('is not available, retrying', monitor.err)
    host.start()
    monitor.wait_for('ready, member\n')
    self.assertIn('jacod was started anew\n', monitor.err)
    self.assertEqual(monitor.interrupt(), 0)

    ca = os.path.join(host.data, 'node', 'ca.crt')
    errors = self.follow('monitor', '--log-level', 'error', '--server',
                         host.api, '--ca-cert', ca, JACO_TOKEN=token)
    everything = self.follow('monitor', '--log-level=debug', '--server',
                             host.api, '--ca-cert', ca, JACO_TOKEN=token)
    everything.wait_for('ready, member\n')
    with open(host.config, 'a') as f:
      f.write('no_such_key: 1\n')
    host.process.send_signal(signal.SIGHUP)
    errors.wait_for('error jacod: not reloaded: ')
    everything.wait_for('error jacod: not reloaded: ')
    self.assertEqual(errors.interrupt(), 0)
    self.assertEqual(len(errors.out), 1)
    self.assertEqual(everything.interrupt(), 0)

    status, page = host.call('GET', '/v1/agent/monitor?limit=2')
    self.assertEqual((status, len(page['lines']), page['lost']), (200, 2, 0))
    status, error = host.call('GET', '/v1/agent/monitor?log_level=loud')
    self.assertEqual((status, error['code']), (400, 'validation_failed'))

  def test_without_a_leader(self):
    hosts = self.three()
    leader = agreed_leader(hosts)
    followers = [h for h in hosts if h is not leader]
    events = self.events(followers[0])
    leader.kill()
    followers[1].kill()
    wait('no leader is known', lambda: followers[0].call(
        'GET', '/v1/cluster/status')[1]['leader'] == '')
    status, error = followers[0].call('GET', '/v1/audit')
    self.assertIn((status, error['code']),
                  ((503, 'no_leader'), (503, 'quorum_lost')))
    self.assertEqual(self.events(followers[0], '--stale'), events)
    # With the first answer it may be as patient as it likes.
    follower = self.follow('audit', '-f', '--stale', '--socket',
                           followers[0].socket)
    follower.wait_for('node_join')
    time.sleep(1.5)
    self.assertEqual(follower.interrupt(), 0)
    self.assertEqual(len(follower.out), 1 + len(events))
    self.assertEqual(follower.err, [])


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:])

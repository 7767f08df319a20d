#!/usr/bin/env python3
"""Three jacods become one cluster, and survive the death of their leader.

    e2e_join_test.py JACOD JACO
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import unittest
import http.client

from e2e_host import Host, free_port, open_private, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


class JoinTest(unittest.TestCase):

  def host(self, number):
    host = Host(JACOD, JACO, node_name='node-%d' % number)
    self.addCleanup(host.close)
    host.start()
    return host

  def first(self):
    host = self.host(1)
    host.init()
    return host

  def join(self, host, member, token):
    return host.jaco('node', 'join', '--peer', member.api, '--token', token)

  def suffrages(self, host):
    status, answer = host.call('GET', '/v1/cluster/status')
    return sorted(node['suffrage'] for node in answer['nodes'])

  def test_three_servers_and_the_death_of_a_leader(self):
    hosts = [self.first()]
    for number in (2, 3):
      host = self.host(number)
      # Through whoever came last.
      joined = self.join(host, hosts[-1], hosts[0].new_join_token())
      self.assertEqual(joined.stdout, 'Joined cluster.\n', joined.stderr)
      hosts.append(host)
      wait('everybody sees node-%d' % number, lambda: all(
          len(h.call('GET', '/v1/cluster/status')[1]['nodes']) == number
          for h in hosts))
    wait('three voters',
         lambda: self.suffrages(hosts[0]) == ['voter'] * 3)
    # Any member takes a write, and each reads it.
    for i, host in enumerate(hosts):
      status, answer = host.issue('from-%d' % i)
      self.assertEqual(status, 200, answer)
    hosts[0].stop(signal.SIGKILL)
    wait('a new leader',
         lambda: hosts[1].issue('after-%f' % time.monotonic())[0] == 200)
    self.assertLessEqual({'from-0', 'from-1', 'from-2'}, hosts[2].identities())
    hosts[0].start()
    self.assertIn('from-2', hosts[0].identities())
    listed = hosts[0].jaco('node', 'list')
    self.assertEqual([line.split('\t')[0]
                      for line in listed.stdout.splitlines()],
                     ['node-1', 'node-2', 'node-3'])

  def test_tokens_that_are_refused(self):
    member = self.first()
    stranger = self.first()
    host = self.host(2)
    used = member.new_join_token()
    spoilt = ('0' if used[0] != '0' else '1') + used[1:]
    for token, peer, said in (
        ('rubbish', member, 'Error: join_token_invalid: '),
        (spoilt, member, 'Error: join_token_invalid: '),
        # Before the secret leaves: it shows another authority.
        (used, stranger, 'Error: peer_untrusted: '),
        (member.new_join_token('--node-name', 'node-9'), member,
         'Error: join_token_invalid: '),
    ):
      refused = self.join(host, peer, token)
      self.assertEqual(refused.returncode, 1)
      self.assertIn(said, refused.stderr)
    self.assertEqual(self.join(host, member, used).returncode, 0)
    # Until it has heard from the leader it may be told once more.
    wait('it is a member', lambda: host.call(
        'GET', '/v1/cluster/status')[1]['joining'] == '')
    again = self.join(host, member, used)
    self.assertIn('Error: cluster_already_initialized: ', again.stderr)
    late = self.join(self.host(3), member, used)
    self.assertIn('Error: join_token_consumed: ', late.stderr)
    namesake = self.join(self.host(1), member, member.new_join_token())
    self.assertIn('Error: node_already_member: ', namesake.stderr)
    nobody = self.host(4).jaco('node', 'join', '--peer',
                               '127.0.0.1:%d' % free_port(), '--token',
                               member.new_join_token())
    self.assertIn('Error: peer_unreachable: ', nobody.stderr)

  def test_who_asks_somebody_silent_can_be_stopped(self):
    host = self.host(1)
    with socket.create_server(('127.0.0.1', 0)) as silent:
      asking = subprocess.Popen(
          [JACO, 'node', 'join', '--peer',
           '127.0.0.1:%d' % silent.getsockname()[1], '--token',
           'a' * 64 + '.' + 'b' * 64, '--socket', host.socket],
          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
      self.addCleanup(asking.wait)
      asked, _ = silent.accept()
      self.addCleanup(asked.close)
      self.assertIn('joining', host.command('cluster', 'status'))
      begun = time.monotonic()
      self.assertEqual(host.stop(), 0)
      self.assertLess(time.monotonic() - begun, 3)

  def nodes(self, host):
    return host.jaco('node', 'list').stdout

  def test_the_token_of_a_member_is_of_no_use(self):
    hosts = [self.first(), self.host(2), self.host(3)]
    token = hosts[0].new_join_token()
    for host, its in ((hosts[1], token), (hosts[2], None)):
      joined = self.join(host, hosts[0], its or hosts[0].new_join_token())
      self.assertEqual(joined.returncode, 0, joined.stderr)
    wait('three voters',
         lambda: self.suffrages(hosts[0]) == ['voter'] * 3)
    replayer = hosts[1]
    replayer.kill()
    shutil.rmtree(replayer.data)
    before = self.nodes(hosts[0])
    replayer.start()
    for member in (hosts[0], hosts[2]):
      refused = self.join(replayer, member, token)
      self.assertEqual(refused.returncode, 1)
      self.assertIn('Error: join_token_consumed: ', refused.stderr)
    self.assertFalse(os.path.exists(os.path.join(replayer.data, 'node',
                                                 'secrets')))
    self.assertEqual(self.nodes(hosts[0]), before)
    # The operator says that the old one is gone.
    hosts[0].command('node', 'remove', replayer.name)
    self.assertEqual(replayer.join(hosts[0]), 'Joined cluster.\n')
    wait('three voters again',
         lambda: self.suffrages(hosts[0]) == ['voter'] * 3)

  def test_a_join_token_is_in_no_process_list(self):
    member = self.first()
    host = self.host(2)
    token = member.new_join_token()
    with socket.socket() as mute:
      mute.bind(('127.0.0.1', 0))
      mute.listen()
      for arguments in (['--token', token], ['--token=' + token]):
        joining = subprocess.Popen(
            [JACO, 'node', 'join', '--peer', '127.0.0.1:%d' %
             mute.getsockname()[1], *arguments, '--socket', host.socket],
            stderr=subprocess.DEVNULL)
        try:
          connection, _ = mute.accept()
          with connection, open('/proc/%d/cmdline' % joining.pid) as f:
            self.assertNotIn(token[:16], f.read())
            status = host.call('GET', '/v1/cluster/status')[1]
            self.assertEqual(status['lifecycle'], 'joining')
            self.assertEqual(host.jaco('cluster', 'status').stdout,
                             'Status:    joining\n')
        finally:
          joining.wait(60)
    path = os.path.join(host.root, 'token')
    with open_private(path) as f:
      f.write(token + '\n')
    self.assertEqual(
        host.command('node', 'join', '--peer', 'https://' + member.api,
                     '--token-file', path), 'Joined cluster.\n')

  def test_a_join_token_opens_one_door(self):
    member = self.first()
    context = ssl.create_default_context(
        cafile=os.path.join(member.data, 'node', 'ca.crt'))
    name, port = member.api.split(':')
    secret = member.new_join_token().split('.')[0]
    for method, target in (('GET', '/v1/tokens'),
                           ('POST', '/v1/node/issue-join-token'),
                           ('GET', '/v1/cluster/status')):
      connection = http.client.HTTPSConnection(name, int(port),
                                               context=context, timeout=20)
      connection.request(method, target,
                         headers={'Authorization': 'Bearer ' + secret})
      self.assertEqual(connection.getresponse().status, 403, target)
      connection.close()


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:])

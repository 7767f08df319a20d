#!/usr/bin/env python3
"""A cluster is backed up, lost, and comes back; real jacods.

    e2e_backup_test.py JACOD JACO
"""

import base64
import hashlib
import http.client
import os
import signal
import ssl
import stat
import subprocess
import sys
import time
import unittest

from e2e_host import Host, free_port, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


class BackupTest(unittest.TestCase):

  def host(self, number, start=True, **settings):
    host = Host(JACOD, JACO, node_name='node-%d' % number, **settings)
    self.addCleanup(host.close)
    if start:
      host.start()
    return host

  def run_jaco(self, host, *arguments, **environment):
    return subprocess.run([JACO, *arguments, '--socket', host.socket],
                          capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, start_new_session=True,
                          env=dict(os.environ, JACO_CONFIG=host.config,
                                   **environment))

  def ok(self, host, *arguments, **environment):
    done = self.run_jaco(host, *arguments, **environment)
    self.assertEqual(done.returncode, 0, done.stderr)
    return done.stdout

  def fails(self, said, host, *arguments, **environment):
    done = self.run_jaco(host, *arguments, **environment)
    self.assertEqual(done.returncode, 1, done.stdout)
    self.assertIn(said, done.stderr)

  def tree(self, directory):
    """What is in it, so that any change shows."""
    return sorted(
        (path, os.stat(path).st_size, os.stat(path).st_mtime_ns)
        for root, _, names in os.walk(directory)
        for path in [root] + [os.path.join(root, name) for name in names])

  def cluster(self, count):
    """Hosts of one cluster, all of them voters."""
    hosts = [self.host(1)]
    init = self.ok(hosts[0], 'cluster', 'init', '--name', 'demo')
    hosts[0].operator_token = init.split('operator_token:')[1].split()[0]
    for number in range(2, count + 1):
      hosts.append(self.host(number))
      hosts[-1].join(hosts[0])
    wait('%d voters' % count, lambda: self.voters(hosts) == count)
    return hosts

  def voters(self, hosts):
    """As the leader has it, whichever that is: the others do not say."""
    answers = [host.call('GET', '/v1/cluster/status')[1] for host in hosts]
    return max(sum(node['suffrage'] == 'voter' for node in answer['nodes'])
               for answer in answers)

  def request(self, host, method, target, token, body=None):
    """Over TLS; status, headers, body."""
    context = ssl.create_default_context(
        cafile=os.path.join(host.data, 'node', 'ca.crt'))
    name, port = host.api.split(':')
    connection = http.client.HTTPSConnection(name, int(port), context=context,
                                             timeout=60)
    try:
      connection.request(method, target, body,
                         {'Authorization': 'Bearer ' + token})
      response = connection.getresponse()
      return response.status, response.headers, response.read()
    finally:
      connection.close()

  def test_a_cluster_that_is_lost_comes_back(self):
    hosts = self.cluster(3)
    issued = self.ok(hosts[0], 'token', 'issue', '--name', 'kept')
    token = issued.split('): ')[1].strip()
    self.ok(hosts[0], 'token', 'issue', '--name', 'gone')
    self.ok(hosts[0], 'token', 'revoke', 'gone')
    cluster = hosts[0].call('GET', '/v1/cluster/status')[1]
    file = os.path.join(hosts[0].root, 'demo.backup')
    wrote = self.ok(hosts[1], 'backup', '--output', file)
    self.assertEqual(wrote.splitlines()[0],
                     'Wrote %d bytes to %s' % (os.path.getsize(file), file))
    self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
    key = os.path.join(hosts[0].root, 'key')
    with open(key, 'w') as f:
      f.write(wrote.split('backup_key: ')[1].split()[0] + '\n')
    with open(file, 'rb') as f:
      sealed = f.read()
    for secret in (b'kept', b'cluster', b'PRIVATE', token.encode()):
      self.assertNotIn(secret, sealed)
    self.ok(hosts[0], 'token', 'issue', '--name', 'later')

    for host in hosts:
      host.stop(signal.SIGKILL)
      subprocess.run(['rm', '-rf', host.data], check=True)
    first = hosts[2]
    first.start()

    # What is wrong with it is said, and changes nothing.
    self.fails('is sealed; give --passphrase-file', first, 'restore', file)
    self.fails('Error: permission_denied: ', first, 'restore', file,
               JACO_BACKUP_PASSPHRASE='0' * 64)
    damaged = file + '.damaged'
    for at in (3, 60, len(sealed) // 2, len(sealed) - 1):
      with open(damaged, 'wb') as f:
        f.write(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1:])
      self.fails('Error: data_loss: ', first, 'restore', damaged,
                 '--passphrase-file', key)
    with open(damaged, 'wb') as f:
      f.write(sealed[:-1])
    self.fails('Error: data_loss: ', first, 'restore', damaged,
               '--passphrase-file', key)
    self.fails('Error: not_found: ', first, 'restore', file + '.none')
    self.fails('Error: config_mismatch: ', first, 'restore', '--input', file,
               '--name', 'node-9', '--passphrase-file', key)
    another = file + '.yaml'
    with open(another, 'w') as f:
      f.write('unix_socket: /elsewhere.sock\n')
    self.fails(another + ' says /elsewhere.sock', first, 'restore', '--input',
               file, '--config', another, '--passphrase-file', key)
    self.assertEqual(
        first.call('GET', '/v1/cluster/status')[1]['lifecycle'],
        'uninitialized')

    restored = self.ok(first, 'restore', '--input', file, '--name', 'node-3',
                       '--passphrase-file', key)
    self.assertIn('cluster_id:   ' + cluster['cluster_id'], restored)
    self.assertEqual(first.identities(), {'bootstrap', 'kept', 'gone'})
    now = first.call('GET', '/v1/cluster/status')[1]
    self.assertEqual(now['cluster_name'], 'demo')
    self.assertGreater(now['raft_index'], cluster['raft_index'])
    self.assertEqual([node['hostname'] for node in now['nodes']], ['node-3'])
    self.assertEqual(self.request(first, 'GET', '/v1/tokens', token)[0], 200)
    self.fails('Error: cluster_already_initialized: ', first, 'restore', file,
               '--passphrase-file', key)

    # The others come back as new servers, and it all survives.
    for host in hosts[:2]:
      host.start()
      host.join(first)
    wait('three voters', lambda: self.voters(hosts) == 3)
    # The change is through joint consensus once two writes are: before that,
    # nobody can do without the first server.
    for _ in range(2):
      wait('a write', lambda: first.issue(
          'before-%f' % time.monotonic())[0] == 200)
    first.stop(signal.SIGKILL)
    wait('a new leader', lambda: hosts[0].issue(
        'after-%f' % time.monotonic())[0] == 200)
    self.assertLessEqual({'bootstrap', 'kept', 'gone'}, hosts[1].identities())
    self.assertEqual(self.request(hosts[1], 'GET', '/v1/tokens', token)[0],
                     200)

  # Forbidden, but it happens: the cluster was not lost.
  def test_the_old_and_the_new_do_not_mix(self):
    hosts = self.cluster(3)
    file = os.path.join(hosts[0].root, 'b')
    passphrase = {'JACO_BACKUP_PASSPHRASE': 'p'}
    self.ok(hosts[0], 'backup', '-o', file, **passphrase)
    hosts[0].stop(signal.SIGKILL)
    subprocess.run(['rm', '-rf', hosts[0].data], check=True)
    # At the same addresses.
    hosts[0].start()
    self.ok(hosts[0], 'restore', file, **passphrase)
    wait('the old cluster goes on',
         lambda: hosts[1].issue('old-%f' % time.monotonic())[0] == 200)
    wait('the new one, too', lambda: hosts[0].issue('new')[0] in (200, 409))
    time.sleep(5)
    self.assertEqual(hosts[0].identities(), {'bootstrap', 'new'})
    for host in hosts[1:]:
      self.assertNotIn('new', host.identities())
      status = host.call('GET', '/v1/cluster/status')[1]
      self.assertLess(status['raft_term'], 1000)
      self.assertEqual(len(status['nodes']), 3)
    alone = hosts[0].call('GET', '/v1/cluster/status')[1]
    self.assertEqual(len(alone['nodes']), 1)
    self.assertEqual(alone['leader'], 'node-1')

  def test_restore_without_jacod(self):
    host = self.cluster(1)[0]
    file = os.path.join(host.root, 'b')
    passphrase = {'JACO_BACKUP_PASSPHRASE': 'correct horse battery staple'}
    self.assertNotIn('backup_key',
                     self.ok(host, 'backup', '-o', file, **passphrase))
    shown = self.ok(host, 'operator', 'snapshot', 'inspect', file,
                    **passphrase)
    self.assertIn('Kind     backup', shown)
    # A jacod has the directory.
    self.fails('Error: conflict: ', host, 'restore', file, '--data-dir',
               host.data, **passphrase)
    host.stop()
    # Somebody mistook this host for another: nothing is touched.
    before = self.tree(host.data)
    self.fails('Error: cluster_already_initialized: ', host, 'restore', file,
               **passphrase)
    self.assertEqual(self.tree(host.data), before)
    other = self.host(2, start=False)
    self.fails('Error: permission_denied: ', other, 'restore', file,
               JACO_BACKUP_PASSPHRASE='wrong')
    # Another host was meant: this one is left alone.
    ca = os.path.join(host.data, 'node', 'ca.crt')
    for more in ((), ('--data-dir', other.data)):
      self.fails('--server names another', other, 'restore', file, *more,
                 '--server', 'https://127.0.0.1:%d' % free_port(), '--ca-cert',
                 ca, JACO_TOKEN='t', **passphrase)
      self.assertFalse(os.path.exists(other.data))
    # It may have promised others not to.
    os.makedirs(other.data, mode=0o700)
    promises = os.path.join(other.data, 'bootstrap')
    with open(promises, 'w') as f:
      f.write('damaged')
    self.fails('Error: data_loss: ', other, 'restore', file, **passphrase)
    os.remove(promises)
    self.assertIn('Start jacod here.',
                  self.ok(other, 'restore', file, '--name', 'node-2',
                          **passphrase))
    self.fails('Error: cluster_already_initialized: ', other, 'restore', file,
               **passphrase)
    other.start()
    self.assertEqual(other.identities(), {'bootstrap'})
    self.assertEqual(
        self.request(other, 'GET', '/v1/tokens', host.operator_token)[0], 200)

  def test_snapshots_of_a_running_cluster(self):
    hosts = self.cluster(3)
    hosts[0].issue('kept')
    privileged = self.ok(hosts[0], 'token', 'issue', '--name', 'root',
                         '--allow-privileged').split('): ')[1].strip()
    file = os.path.join(hosts[0].root, 'state.snap')
    self.assertEqual(
        self.ok(hosts[1], 'operator', 'snapshot', 'save', file),
        'State file written to %s\n' % file)
    listed = subprocess.run(['tar', 'tzf', file], capture_output=True,
                            text=True, check=True)
    self.assertEqual(listed.stdout, 'meta.json\nstate.bin\nSHA256SUMS\n')
    unpacked = os.path.join(hosts[0].root, 'unpacked')
    os.mkdir(unpacked)
    subprocess.run(['tar', 'xzf', file, '-C', unpacked], check=True)
    subprocess.run(['sha256sum', '--quiet', '-c', 'SHA256SUMS'], cwd=unpacked,
                   check=True)
    shown = self.ok(hosts[0], 'operator', 'snapshot', 'inspect', file, '-o',
                    'json')
    self.assertIn('"cluster_name": "demo"', shown)
    hosts[0].issue('later')
    # As Nomad's clients do it, through a follower or not.
    status, headers, body = self.request(hosts[2], 'GET',
                                         '/v1/operator/snapshot?stale',
                                         privileged)
    self.assertEqual(status, 200)
    self.assertEqual(headers['Content-Type'], 'application/x-gzip')
    self.assertEqual(
        headers['Digest'],
        'sha-256=' + base64.b64encode(hashlib.sha256(body).digest()).decode())
    self.assertEqual(
        self.ok(hosts[2], 'operator', 'snapshot', 'restore', file),
        'Snapshot Restored\n')
    for host in hosts:
      self.assertEqual(host.identities(), {'bootstrap', 'kept', 'root'})
      self.assertEqual(
          len(host.call('GET', '/v1/cluster/status')[1]['nodes']), 3)
    # And forward again.
    status, headers, answer = self.request(hosts[1], 'PUT',
                                           '/v1/operator/snapshot', privileged,
                                           body)
    self.assertEqual((status, answer), (200, b''))
    self.assertIn('later', hosts[0].identities())
    # Neither rubbish nor anybody.
    self.assertEqual(
        self.request(hosts[1], 'PUT', '/v1/operator/snapshot', privileged,
                     b'rubbish')[0], 500)
    for method, target in (('GET', '/v1/cluster/backup'),
                           ('GET', '/v1/operator/snapshot'),
                           ('PUT', '/v1/operator/snapshot')):
      for token, expected in ((hosts[0].operator_token, 403), ('x', 401)):
        status, _, answer = self.request(hosts[1], method, target, token)
        self.assertEqual(status, expected, answer)


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:])

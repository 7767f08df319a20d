#!/usr/bin/env python3
"""jacods that form a cluster by themselves: bootstrap_expect and retry_join.

    e2e_bootstrap_test.py JACOD JACO
"""

import os
import random
import signal
import sys
import time
import unittest

from e2e_host import Host, free_port, open_private, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])
KEY = 'correct-horse-battery-staple'


class BootstrapTest(unittest.TestCase):

  def setUp(self):
    self.apis = ['127.0.0.1:%d' % free_port() for _ in range(5)]

  def host(self, number, **settings):
    settings = {
        'bootstrap_expect': 3,
        'bootstrap_key': KEY,
        'retry_join': '[%s]' % self.apis[0],
        **settings
    }
    host = Host(JACOD, JACO, node_name='node-%d' % number,
                listen_addr=self.apis[number - 1], **settings)
    self.addCleanup(host.close)
    return host

  def status(self, host):
    return host.call('GET', '/v1/cluster/status')[1]

  def wait_for_progress(self, host, text):
    wait(text, lambda: text in self.status(host)['bootstrap'])

  def wait_for_cluster(self, hosts):
    """All of `hosts` are members of one cluster, and know it."""

    def formed():
      answers = [self.status(host) for host in hosts]
      return all(len(a['nodes']) == len(hosts) and a['leader']
                 for a in answers)

    try:
      wait('a cluster', formed)
    except AssertionError:
      for host in hosts:
        print(self.status(host), '\n', host.read_log(), file=sys.stderr)
      raise
    ids = {self.status(host)['cluster_id'] for host in hosts}
    self.assertEqual(len(ids), 1)

  def test_any_order(self):
    hosts = [self.host(n) for n in (1, 2, 3)]
    # The one that the others ask comes last, and late.
    hosts[2].start()
    hosts[1].start()
    time.sleep(2)
    shown = hosts[1].jaco('cluster', 'status').stdout
    self.assertIn('Bootstrap: waiting for servers, 1 of 3 are here', shown)
    hosts[0].start()
    begun = time.monotonic()
    self.wait_for_cluster(hosts)
    self.assertLess(time.monotonic() - begun, 35)
    wait('three voters', lambda: sorted(
        node['suffrage'] for host in hosts
        for node in self.status(host)['nodes']).count('voter') == 3)
    # Nobody has seen a token; the socket's users make their own.
    self.assertEqual(hosts[1].issue('ops')[0], 200)
    for host in hosts:
      self.assertEqual(self.status(host)['bootstrap'], '')
      wait('bootstrap is forgotten', lambda: not os.path.exists(
          os.path.join(host.data, 'bootstrap')))
      self.assertNotIn(KEY, host.read_log())
    # Restarts change nothing, late servers join.
    hosts[0].stop(signal.SIGKILL)
    hosts[0].start()
    hosts.append(self.host(4))
    hosts[3].start()
    self.wait_for_cluster(hosts)
    members = hosts[3].jaco('server', 'members').stdout.splitlines()
    self.assertEqual(len(members), 5)
    self.assertEqual(members[0].split()[:4],
                     ['Name', 'Address', 'Port', 'Status'])
    self.assertEqual(members[1].split()[:2], ['node-1.global', '127.0.0.1'])
    self.assertEqual(sorted(line.split()[4] for line in members[1:]),
                     ['false'] * 3 + ['true'])

  def test_one_alone(self):
    host = self.host(1, bootstrap_expect=1, retry_join=None,
                     bootstrap_key=None)
    host.start()
    self.wait_for_cluster([host])
    cluster = self.status(host)['cluster_id']
    host.stop()
    host.start()
    self.wait_for_cluster([host])
    self.assertEqual(self.status(host)['cluster_id'], cluster)

  def test_another_key_is_refused(self):
    hosts = [self.host(1), self.host(2),
             self.host(3, bootstrap_key='some-other-key-of-somebody')]
    for host in hosts:
      host.start()
    self.wait_for_progress(
        hosts[2], 'peer_untrusted: %s does not have our bootstrap_key' %
        self.apis[0])
    wait('its refusal is logged',
         lambda: 'closed the connection from' in hosts[0].read_log())
    self.assertEqual(self.status(hosts[0])['cluster_id'], '')
    # Also by a cluster.
    hosts.append(self.host(4))
    hosts[3].start()
    self.wait_for_cluster([hosts[0], hosts[1], hosts[3]])
    hosts[2].stop()
    hosts[2].start()
    self.wait_for_progress(hosts[2], 'peer_untrusted: ')
    # The key is put right, in a file.
    hosts[2].stop()
    path = os.path.join(hosts[2].root, 'key')
    with open_private(path) as f:
      f.write(KEY + '\n')
    hosts[2].configure(bootstrap_key=None, bootstrap_key_file=path)
    hosts[2].start()
    self.wait_for_cluster(hosts)

  def test_another_expectation_is_refused(self):
    hosts = [self.host(1), self.host(2), self.host(3, bootstrap_expect=5),
             self.host(4)]
    for host in hosts[:3]:
      host.start()
    for host in (hosts[0], hosts[2]):
      self.wait_for_progress(host, 'config_mismatch: ')
    hosts[3].start()
    self.wait_for_progress(hosts[3], 'config_mismatch: ')
    self.assertEqual(self.status(hosts[0])['cluster_id'], '')
    hosts[2].stop()
    hosts[2].configure(bootstrap_expect=3)
    hosts[2].start()
    self.wait_for_cluster(hosts)

  def test_server_join(self):
    hosts = [self.host(n, retry_join=None) for n in (1, 2, 3)]
    for host in hosts:
      host.start()
    joined = hosts[1].jaco('server', 'join', self.apis[0], self.apis[4])
    self.assertEqual(joined.stdout, 'Joined 1 servers successfully\n',
                     joined.stderr)
    nobody = hosts[2].jaco('server', 'join', self.apis[4])
    self.assertEqual(nobody.returncode, 1)
    self.assertTrue(
        nobody.stderr.startswith('Error joining: failed joining: '),
        nobody.stderr)
    self.assertEqual(hosts[2].jaco('server', 'join').returncode, 1)
    status, answer = hosts[2].call(
        'PUT', '/v1/agent/join?address=' + self.apis[0])
    self.assertEqual((status, answer), (200, {'error': '', 'num_joined': 1}))
    self.wait_for_cluster(hosts)

  def test_settings_that_make_no_sense(self):
    for settings, said in (
        ({'bootstrap_key': None}, 'need a bootstrap_key'),
        ({'bootstrap_key': 'short'}, 'must be 16 to 1024'),
        ({'bootstrap_key_file': '/nowhere'}, 'are both set'),
        ({'bootstrap_key': None, 'bootstrap_key_file': '/nowhere'},
         '/nowhere'),
        ({'bootstrap_expect': 'many'}, 'bootstrap_expect: '),
    ):
      self.assertIn(said, self.host(1, **settings).refuse_to_start())

  def test_a_key_that_others_may_read_and_an_even_number(self):
    host = self.host(1, bootstrap_expect=4)
    os.chmod(host.config, 0o644)
    self.assertIn('run `chmod o= %s`' % host.config, host.refuse_to_start())
    os.chmod(host.config, 0o640)
    host.start()
    self.assertIn('its group may read or write %s' % host.config,
                  host.read_log())
    self.assertIn('bootstrap_expect 4 is even: one server less survives as '
                  'many failures', host.read_log())
    self.wait_for_progress(host, 'waiting for servers')

  def test_kills_while_it_forms(self):
    seed = int(os.environ.get('JACO_SEED', '1'))
    for attempt in range(int(os.environ.get('JACO_ATTEMPTS', '3'))):
      prng = random.Random(seed + attempt)
      self.setUp()
      hosts = [self.host(n) for n in (1, 2, 3)]
      for host in hosts:
        host.launch()
      for _ in range(12):
        time.sleep(prng.uniform(0.0, 0.4))
        victim = prng.choice(hosts)
        victim.process.kill()
        victim.process.wait()
        victim.launch()
      for host in hosts:
        try:
          wait('the socket', lambda: os.path.exists(host.socket))
        except AssertionError:
          print(host.read_log(), file=sys.stderr)
          raise

      def answers():
        try:
          return all(self.status(host)['lifecycle'] != 'starting'
                     for host in hosts)
        except OSError:
          return False

      wait('answers', answers)
      self.wait_for_cluster(hosts)
      for host in hosts:
        host.stop()


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:])

#!/usr/bin/env python3
"""jacod as its users meet it: a process, a socket, a command line.

    e2e_test.py JACOD JACO
"""

import glob
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

from e2e_host import Host, UnixConnection

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


def run_jacod(*arguments, **environment):
  return subprocess.run([JACOD, *arguments], capture_output=True, text=True,
                        timeout=20, env={**os.environ, **environment})


class EndToEndTest(unittest.TestCase):

  def host(self, **settings):
    host = Host(JACOD, JACO, **settings)
    self.addCleanup(host.close)
    return host

  def test_life_of_a_cluster_of_one(self):
    host = self.host()
    host.start()
    init = host.jaco('cluster', 'init', '--name', 'demo')
    self.assertEqual(init.returncode, 0, init.stderr)
    lines = init.stdout.splitlines()
    self.assertEqual(lines[0], 'Cluster initialized.')
    self.assertRegex(lines[1], r'^  cluster_id:     [0-9a-f-]{36}$')
    self.assertRegex(lines[2], r'^  operator_token: [0-9a-f]{64}$')
    self.assertEqual(
        lines[3:],
        ['', 'Save the operator token now — it cannot be recovered.'])
    before = host.call('GET', '/v1/cluster/status')
    again = host.jaco('cluster', 'init', '--name', 'other')
    self.assertEqual((again.returncode, again.stdout), (1, ''))
    self.assertTrue(
        again.stderr.startswith('Error: cluster_already_initialized: '))
    self.assertEqual(host.call('GET', '/v1/cluster/status'), before)
    self.assertRegex(
        host.jaco('cluster', 'status').stdout,
        r'\AStatus:     initialized\nLeader:     node-1\nRaft index: \d+\n'
        r'Nodes \(1\):\n  - node-1 @ 127.0.0.1:\d+ \[READY, VOTER\]\n\Z')
    issued = host.jaco('token', 'issue', '--name', 'ci')
    self.assertRegex(issued.stdout,
                     r'\AToken for ci \(save this; not recoverable\): '
                     r'[0-9a-f]{64}\n\Z')
    self.assertIn('token_exists', host.jaco('token', 'issue', '--name',
                                            'ci').stderr)
    host.stop(signal.SIGKILL)
    host.start()
    listed = host.jaco('token', 'list')
    self.assertIn('\nci ', listed.stdout, listed.stderr)
    self.assertEqual(
        host.jaco('token', 'revoke', 'ci').stdout, 'Revoked token for ci\n')
    self.assertEqual(host.stop(), 0)
    self.assertFalse(os.path.exists(host.socket))

  def test_reads_by_lease(self):
    host = self.host(lease_reads='true', clock_drift_ppm_max='500',
                     priority='70', election_timeout_ms='500',
                     heartbeat_interval_ms='50')
    host.start()
    self.assertEqual(host.jaco('cluster', 'init').returncode, 0)
    self.assertIn('bootstrap', host.jaco('token', 'list').stdout)
    self.assertIn('election timeout 500 ms, heartbeats every 50 ms, '
                  'priority 70, lease reads on, trusting clocks to 500 ppm',
                  host.read_log())

  def test_before_init(self):
    host = self.host()
    host.start()
    self.assertEqual(
        host.jaco('cluster', 'status').stdout,
        'Status:    uninitialized\n\n'
        'Run `jaco cluster init` to start a new cluster,\n'
        'or `jaco node join` to join an existing one.\n')
    for output in ('json', 'yaml'):
      status = host.jaco('cluster', 'status', '-o', output)
      self.assertEqual(status.returncode, 0, status.stderr)
      self.assertIn('uninitialized', status.stdout)
    for command in ('token list', 'token list -o json', 'token issue --name x',
                    'token revoke x'):
      refused = host.jaco(*command.split())
      self.assertEqual((refused.returncode, refused.stdout), (1, ''))
      self.assertTrue(
          refused.stderr.startswith('Error: cluster_uninitialized: '),
          refused.stderr)
    for method, target in (('GET', '/v1/tokens'), ('PUT', '/v1/no/such'),
                           ('POST', '/v1/node/issue-join-token')):
      status, answer = host.call(method, target)
      self.assertEqual((status, answer['code']), (503, 'cluster_uninitialized'))
    self.assertEqual(os.listdir(host.data), ['LOCK'])

  def test_garbage_and_excess_on_the_socket(self):
    host = self.host()
    host.start()
    self.busy(host)
    self.assertTrue(host.raw(b'\x00\xff' * 500).startswith(b'HTTP/1.1 400'))
    self.assertTrue(host.raw(b'nonsense\r\n\r\n').startswith(b'HTTP/1.1 400'))
    status, answer = host.call('POST', '/v1/cluster/init', b'x' * (100 << 20))
    self.assertEqual((status, answer['code']), (413, 'too_large'))
    status, answer = host.call('POST', '/v1/cluster/init', b'{"nam": "x"}')
    self.assertEqual((status, answer['details']), (400, {'field': 'nam'}))
    self.assertEqual(host.call('GET', '/v1/health')[0], 200)

  def busy(self, host):
    """Another client, which nothing may disturb till the end of the test."""
    connection = UnixConnection(host.socket)
    connection.call('POST', '/v1/cluster/init')
    done = threading.Event()
    failures = []
    slowest = [0]

    def work():
      number = 0
      while not done.wait(0.005):
        number += 1
        begun = time.monotonic()
        status, answer = connection.call('POST', '/v1/token',
                                         '{"identity": "busy-%d"}' % number)
        slowest[0] = max(slowest[0], time.monotonic() - begun)
        if status != 200:
          failures.append(answer)

    def finish():
      done.set()
      thread.join()
      connection.close()
      self.assertEqual(failures, [])
      self.assertLess(slowest[0], 5)

    thread = threading.Thread(target=work)
    thread.start()
    self.addCleanup(finish)

  def test_many_quick_connections(self):
    host = self.host()
    host.start()
    self.busy(host)

    def count():
      return len(os.listdir('/proc/%d/fd' % host.process.pid))

    def connect(number):
      for i in range(number):
        with socket.socket(socket.AF_UNIX) as s:
          s.connect(host.socket)
          # Gone before, within, and after a request.
          s.sendall((b'', b'POST /v1/token HTT',
                     b'GET /v1/tokens HTTP/1.1\r\n\r\n')[i % 3])

    connect(500)
    self.wait_until(lambda: count() < 40)
    before = self.resident_kib(host)
    connect(10000)
    self.wait_until(lambda: count() < 40)
    # Sanitizers keep what was freed.
    if 'ASAN_OPTIONS' not in os.environ:
      self.assertLess(self.resident_kib(host), before + (16 << 10))

  def wait_until(self, condition):
    deadline = time.monotonic() + 20
    while not condition():
      self.assertLess(time.monotonic(), deadline)
      time.sleep(0.05)

  @staticmethod
  def resident_kib(host):
    with open('/proc/%d/status' % host.process.pid) as f:
      return next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))

  def test_half_a_request(self):
    host = self.host()
    host.start()
    self.busy(host)
    begun = time.monotonic()
    self.assertEqual(host.raw(b'POST /v1/token HTTP/1.1\r\nHost: x\r\n'), b'')
    self.assertLess(time.monotonic() - begun, 15)
    self.assertEqual(host.call('GET', '/v1/health')[0], 200)

  def test_a_second_jacod_on_the_same_directory(self):
    host = self.host()
    host.start()
    second = run_jacod('--config', host.config)
    self.assertEqual(second.returncode, 1)
    self.assertEqual(
        second.stderr, 'Error: conflict: data directory %s is in use by '
        'another jacod\n' % host.data)
    other = self.host(unix_socket=host.socket)
    taken = run_jacod('--config', other.config)
    self.assertEqual(taken.returncode, 1)
    self.assertIn('Error: conflict: another process answers on', taken.stderr)
    self.assertEqual(host.call('GET', '/v1/health')[0], 200)

  def test_configuration_errors(self):
    host = self.host()
    with open(host.config, 'w') as f:
      f.write('data_dir: %s\n\nnod_name: a\n' % host.data)
    refused = run_jacod('--config', host.config)
    self.assertEqual(refused.returncode, 1)
    self.assertEqual(
        refused.stderr, 'Error: validation_failed: %s:3: unknown key '
        '"nod_name"; did you mean "node_name"?\n' % host.config)
    missing = run_jacod('--config', '/no/such/file')
    self.assertEqual(missing.returncode, 1)
    self.assertIn('Error: not_found: ', missing.stderr)
    for flag in ('--no-such-flag', '--config'):
      refused = run_jacod(flag)
      self.assertEqual(refused.returncode, 1)
      self.assertRegex(refused.stderr,
                       r'\AError: validation_failed: .*%s' % flag)
    self.assertIn(
        'Error: validation_failed: $JACO_LOG: ',
        run_jacod('--config', self.host().config, JACO_LOG='loud').stderr)

  def test_a_data_directory_that_cannot_be_written(self):
    # /proc refuses even root.
    host = self.host(data_dir='/proc/jaco')
    refused = run_jacod('--config', host.config)
    self.assertEqual(refused.returncode, 1)
    self.assertRegex(refused.stderr, r'\AError: \w+: .*/proc/jaco')

  def test_dev(self):
    with subprocess.Popen([JACOD, '--dev'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
      try:
        lines = [process.stdout.readline(), process.stdout.readline()]
        url = next(line for line in lines if 'http://127.0.0.1:' in line)
        token = next(line for line in lines if 'oken' in line).split()[-1]
        port = int(url.rsplit(':', 1)[1])
        for bearer, expected in ((token, 200), ('0' * 64, 401)):
          connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
          connection.request('GET', '/v1/tokens',
                             headers={'Authorization': 'Bearer ' + bearer})
          self.assertEqual(connection.getresponse().status, expected)
          connection.close()
      finally:
        process.terminate()
      self.assertEqual(process.wait(20), 0)

  def test_dev_leaves_nothing(self):
    ready = {}
    for attempt in range(2):
      process = subprocess.Popen([JACOD, '--dev'], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True)
      self.addCleanup(process.stdout.close)
      self.addCleanup(process.wait)
      self.addCleanup(process.terminate)
      process.stdout.readline()
      ready[attempt] = glob.glob('/dev/shm/jaco-dev-%d-*' % process.pid)
      if attempt == 0:
        if not ready[0]:
          self.skipTest('no room in /dev/shm')
        process.kill()
        process.wait()
        self.assertTrue(os.path.exists(ready[0][0]))
    self.assertFalse(os.path.exists(ready[0][0]))

  def test_the_service_manager_is_told(self):
    host = self.host()
    path = os.path.join(host.root, 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
      manager.bind(path)
      manager.settimeout(20)
      os.environ['NOTIFY_SOCKET'] = path
      self.addCleanup(os.environ.pop, 'NOTIFY_SOCKET')
      host.start()
      self.assertEqual(manager.recv(100), b'READY=1')
      host.stop()
      self.assertEqual(manager.recv(100), b'STOPPING=1')


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1], verbosity=2)

#!/usr/bin/env python3
"""jacod as its users meet it: a process, a socket, a command line.

    e2e_test.py JACOD JACO
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


class UnixConnection(http.client.HTTPConnection):

  def __init__(self, path):
    super().__init__('localhost', timeout=20)
    self._path = path

  def connect(self):
    self.sock = socket.socket(socket.AF_UNIX)
    self.sock.settimeout(self.timeout)
    self.sock.connect(self._path)


def free_port():
  with socket.socket() as s:
    s.bind(('127.0.0.1', 0))
    return s.getsockname()[1]


class Host:
  """A directory with a configuration, and the jacod that uses it."""

  def __init__(self, **settings):
    self.root = tempfile.mkdtemp(prefix='jaco-e2e-', dir='/tmp')
    self.config = os.path.join(self.root, 'jacod.yaml')
    self.socket = os.path.join(self.root, 'jaco.sock')
    self.data = os.path.join(self.root, 'data')
    self.log = open(os.path.join(self.root, 'log'), 'w+b')
    self.process = None
    self.write({
        'node_name': 'node-1',
        'data_dir': self.data,
        'unix_socket': self.socket,
        'listen_addr': '127.0.0.1:%d' % free_port(),
        'cluster_addr': '127.0.0.1:%d' % free_port(),
        **settings
    })

  def write(self, settings):
    with open(self.config, 'w') as f:
      for key, value in settings.items():
        f.write('%s: "%s"\n' % (key, value))

  def start(self, *flags):
    self.process = subprocess.Popen([JACOD, '--config', self.config, *flags],
                                    stderr=self.log)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and self.process.poll() is None:
      try:
        if self.call('GET', '/v1/health')[1]['lifecycle'] != 'starting':
          return
      except OSError:
        pass
      time.sleep(0.02)
    raise AssertionError('jacod does not answer:\n' + self.read_log())

  def stop(self, signum=signal.SIGTERM):
    self.process.send_signal(signum)
    return self.process.wait(20)

  def close(self):
    if self.process and self.process.poll() is None:
      self.process.kill()
      self.process.wait()
    self.log.close()
    shutil.rmtree(self.root)

  def read_log(self):
    self.log.seek(0)
    return self.log.read().decode()

  def call(self, method, target, body=None):
    connection = UnixConnection(self.socket)
    try:
      connection.request(method, target, body)
      response = connection.getresponse()
      return response.status, json.loads(response.read())
    finally:
      connection.close()

  def raw(self, data, seconds=20):
    """What the daemon answers to these bytes, up to its closing."""
    with socket.socket(socket.AF_UNIX) as s:
      s.settimeout(seconds)
      s.connect(self.socket)
      s.sendall(data)
      answer = b''
      while chunk := s.recv(65536):
        answer += chunk
      return answer

  def jaco(self, *arguments):
    return subprocess.run([JACO, *arguments, '--socket', self.socket],
                          capture_output=True, text=True, timeout=60)


def run_jacod(*arguments, **environment):
  return subprocess.run([JACOD, *arguments], capture_output=True, text=True,
                        timeout=20, env={**os.environ, **environment})


class EndToEndTest(unittest.TestCase):

  def host(self, **settings):
    host = Host(**settings)
    self.addCleanup(host.close)
    return host

  def test_life_of_a_cluster_of_one(self):
    host = self.host()
    host.start()
    self.assertIn('uninitialized', host.jaco('cluster', 'status').stdout)
    self.assertTrue(
        host.jaco('token', 'list').stderr.startswith(
            'Error: cluster_uninitialized: '))
    init = host.jaco('cluster', 'init', '--name', 'demo')
    self.assertEqual(init.returncode, 0, init.stderr)
    lines = init.stdout.splitlines()
    self.assertEqual(lines[0], 'Cluster initialized.')
    self.assertRegex(lines[1], r'^  cluster_id:     [0-9a-f-]{36}$')
    self.assertRegex(lines[2], r'^  operator_token: [0-9a-f]{64}$')
    self.assertEqual(
        lines[3:],
        ['', 'Save the operator token now — it cannot be recovered.'])
    again = host.jaco('cluster', 'init')
    self.assertEqual(again.returncode, 1)
    self.assertTrue(
        again.stderr.startswith('Error: cluster_already_initialized: '))
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

  def test_garbage_and_excess_on_the_socket(self):
    host = self.host()
    host.start()
    self.assertTrue(host.raw(b'\x00\xff' * 500).startswith(b'HTTP/1.1 400'))
    self.assertTrue(host.raw(b'nonsense\r\n\r\n').startswith(b'HTTP/1.1 400'))
    status, answer = host.call('POST', '/v1/cluster/init', b'x' * (100 << 20))
    self.assertEqual((status, answer['code']), (413, 'too_large'))
    status, answer = host.call('POST', '/v1/cluster/init', b'{"nam": "x"}')
    self.assertEqual((status, answer['details']), (400, {'field': 'nam'}))
    self.assertEqual(host.call('GET', '/v1/health')[0], 200)

  def test_half_a_request(self):
    host = self.host()
    host.start()
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
    self.assertEqual(run_jacod('--no-such-flag').returncode, 1)
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

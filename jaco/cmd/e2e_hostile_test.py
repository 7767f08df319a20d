#!/usr/bin/env python3
"""Three jacods serve on while strangers do their worst to every port.

    e2e_hostile_test.py JACOD JACO
"""

import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from e2e_host import Host, free_port, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])
CROWD = 10_000  # connections at once
# A write may have to be tried again by its client; it is never lost for long.
PATIENCE = 20


def certificate(directory, subject, san):
  """A self-signed certificate and its key, as paths."""
  path = tempfile.mkdtemp(dir=directory)
  cert, key = os.path.join(path, 'crt'), os.path.join(path, 'key')
  subprocess.run(
      ['openssl', 'req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout',
       key, '-out', cert, '-subj', subject, '-addext',
       'subjectAltName=' + san],
      check=True, capture_output=True)
  return cert, key


class Writer(threading.Thread):
  """Writes through each member in turn; knows the longest time without."""

  def __init__(self, name, hosts):
    super().__init__(name=name)
    self.hosts, self.longest, self.written = hosts, 0.0, []
    self._stop_now = threading.Event()

  def run(self):
    last = time.monotonic()
    number = 0
    while not self._stop_now.is_set():
      number += 1
      name = '%s-%d' % (self.name, number)
      try:
        status, _ = self.hosts[number % len(self.hosts)].issue(name)
      except OSError:
        status = 0
      if status == 200:
        self.written.append(name)
        self.longest = max(self.longest, time.monotonic() - last)
        last = time.monotonic()
      time.sleep(0.01)
    self.longest = max(self.longest, time.monotonic() - last)

  def stop(self):
    self._stop_now.set()
    self.join()


class HostileTest(unittest.TestCase):

  @classmethod
  def setUpClass(cls):
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    cls.hosts = []
    for number in (1, 2, 3):
      ports = free_port(), free_port()
      host = Host(JACOD, JACO, node_name='node-%d' % number,
                  listen_addr='127.0.0.1:%d' % ports[0],
                  cluster_addr='127.0.0.1:%d' % ports[1])
      cls.addClassCleanup(host.close)
      host.ports = ports
      host.start()
      if number == 1:
        host.init()
      else:
        host.join(cls.hosts[0])
      cls.hosts.append(host)
    wait('three voters', lambda: cls.voters() == 3)

  @classmethod
  def voters(cls):
    status, answer = cls.hosts[0].call('GET', '/v1/cluster/status')
    return [node['suffrage'] for node in answer['nodes']].count('voter')

  def setUp(self):
    self.crowd = []
    self.logged = [len(host.read_log()) for host in self.hosts]
    self.writer = Writer('w%d' % time.monotonic_ns(), self.hosts)
    self.writer.start()

  def tearDown(self):
    self.writer.stop()
    for connection in self.crowd:
      connection.close()
    self.assertLess(self.writer.longest, PATIENCE)
    self.assertTrue(self.writer.written)
    for host in self.hosts:
      self.assertIsNone(host.process.poll())
      self.assertLessEqual(set(self.writer.written), host.identities())
    for host, before in zip(self.hosts, self.logged):
      # A stranger must not be able to fill the disk with what he did.
      self.assertLess(len(host.read_log()) - before, 64_000)

  def every_port(self):
    return [port for host in self.hosts for port in host.ports]

  def connect(self, port):
    return socket.create_connection(('127.0.0.1', port), timeout=20)

  def send(self, data):
    """To every port, which has to close without having done anything."""
    for port in self.every_port():
      with self.connect(port) as s:
        try:
          s.sendall(data)
          while s.recv(65536):
            pass
        except (ConnectionError, TimeoutError) as error:
          self.assertNotIsInstance(error, TimeoutError, port)

  def test_bytes_that_are_no_tls(self):
    self.send(b'GET /v1/tokens HTTP/1.1\r\nHost: a\r\n\r\n')
    self.send(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\4' + bytes(5))
    self.send(b'JACOPEER\1\0\0\0' + bytes(64))
    self.send(b'\x16\x03\x01\xff\xff' + b'\1' * 70_000)
    self.send(b'SSH-2.0-scan\r\n')
    for _ in range(20):
      self.send(os.urandom(2000))

  def test_certificates_of_others(self):
    root = tempfile.mkdtemp(dir=self.hosts[0].root)
    san = 'URI:spiffe://0/node/1/node-1,DNS:node-1,IP:127.0.0.1'
    for name in ('/O=0/CN=node-1', '/CN=' + 'x' * 60):
      cert, key = certificate(root, name, san)
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
      context.check_hostname = False
      context.verify_mode = ssl.CERT_NONE
      context.load_cert_chain(cert, key)
      for port in self.every_port():
        with self.connect(port) as raw:
          try:
            with context.wrap_socket(raw) as s:
              # TLS 1.3: the refusal of our certificate comes with the answer.
              s.sendall(b'JACOPEER\1' + bytes(100))
              self.assertNotIn(b'JACOPEER', s.recv(4096))
          except (ssl.SSLError, ConnectionError):
            pass

  def test_frames_and_requests_that_are_too_large(self):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    frame = struct.pack('<IIQ', 0xffffffff, 1, 0)
    request = (b'POST /v1/token HTTP/1.1\r\nHost: a\r\n'
               b'Content-Length: 99999999999\r\n\r\n')
    for data in (frame * 1000, request, b'GET /' + b'a' * 100_000):
      for port in self.every_port():
        with self.connect(port) as raw:
          try:
            with context.wrap_socket(raw) as s:
              s.sendall(data)
              while s.recv(65536):
                pass
          except (ssl.SSLError, ConnectionError):
            pass

  def test_a_crowd_that_says_little_and_slowly(self):
    ports = self.every_port()
    starts = (b'', b'\x16', b'\x16\x03\x01\x02\x00\x01', b'G', b'JACOPEER')
    for i in range(CROWD):
      try:
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(('127.0.0.1', ports[i % len(ports)]))
        self.crowd.append(s)
      except OSError as error:
        self.fail('connection %d: %s' % (i, error))
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
      for i, s in enumerate(self.crowd):
        try:
          s.send(starts[i % len(starts)][:1] or b'\0')
        except OSError:
          pass
      time.sleep(1)

  def test_nobody_is_kept_out_by_half_open_requests(self):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for i in range(300):
      try:
        s = context.wrap_socket(self.connect(self.hosts[i % 3].ports[0]))
        s.sendall(b'POST /v1/token HTTP/1.1\r\nHost: a\r\nX-%d: ' % i)
        self.crowd.append(s)
      except (ssl.SSLError, OSError):
        pass
    for _ in range(10):
      for s in self.crowd:
        try:
          s.sendall(b'a')
        except (ssl.SSLError, OSError):
          pass
      time.sleep(0.5)


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1], verbosity=2)

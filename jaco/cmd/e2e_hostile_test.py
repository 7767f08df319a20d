#!/usr/bin/env python3
"""Three jacods serve on while strangers, and a thief of the authority's key, do
their worst to every port.

    e2e_hostile_test.py JACOD JACO ISSUE_CERTIFICATE
"""

import functools
import os
import resource
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from e2e_host import Host, Writer, free_port, wait

JACOD, JACO, ISSUE = (os.path.abspath(path) for path in sys.argv[1:4])
CROWD = 10_000  # connections at once
# As a service has it that nobody has set it for.
SERVER_FILES_MAX = 1024
FRAME_BYTES_MAX = 16 << 20
NOBODY = 4242  # the id of a node that there is not
# Of HTTP/2, and an empty SETTINGS frame: RFC 9113.
PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\4' + bytes(5)
# A write may have to be tried again by its client; it is never lost for long.
PATIENCE = 20
MEMORY_KEPT = 64 << 20  # of what an attack took
if 'ASAN_OPTIONS' in os.environ:
  # AddressSanitizer keeps 256 MiB of what was freed, and its shadow.
  MEMORY_KEPT += 512 << 20


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


def hello(sender):
  """What begins a connection between servers; formats.md."""
  return b'JACOPEER' + struct.pack('<BQQ', 1, sender, 0)


class HostileTest(unittest.TestCase):

  @classmethod
  def setUpClass(cls):
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    cls.crowd_size = min(CROWD, files_max - 100)
    cls.hosts = []
    for number in (1, 2, 3):
      ports = free_port(), free_port()
      host = Host(JACOD, JACO, node_name='node-%d' % number,
                  listen_addr='127.0.0.1:%d' % ports[0],
                  cluster_addr='127.0.0.1:%d' % ports[1])
      cls.addClassCleanup(host.close)
      host.ports = ports
      host.prefix = ['prlimit', '--nofile=%d' % SERVER_FILES_MAX]
      host.start()
      if number == 1:
        host.init()
      else:
        host.join(cls.hosts[0])
      cls.hosts.append(host)
    wait('three voters', lambda: cls.voters() == 3)
    for host in cls.hosts:
      peers = host.call('GET', '/v1/operator/raft/configuration')[1]
      host.id = int({peer['Node'].split('.')[0]: peer['ID']
                     for peer in peers['Servers']}[host.name])
    # With the key of the authority.
    cls.hosts[2].stop()
    cls.stolen = os.path.join(cls.hosts[2].root, 'stolen')
    shutil.copytree(cls.hosts[2].data, cls.stolen)
    cls.hosts[2].start()
    wait('all are there', lambda: cls.hosts[2].issue('before')[0] == 200)

  @classmethod
  def voters(cls):
    status, answer = cls.hosts[0].call('GET', '/v1/cluster/status')
    return [node['suffrage'] for node in answer['nodes']].count('voter')

  def setUp(self):
    self.crowd = []
    self.logged = [len(host.read_log()) for host in self.hosts]
    self.resources = [self.resources_of(host) for host in self.hosts]
    self.writer = Writer(self.hosts, 'w%d' % time.monotonic_ns())
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
      wait('a write of less than a second by ' + host.name,
           functools.partial(self.writes_fast, host), 10)
    for host, (files, memory) in zip(self.hosts, self.resources):
      wait('the files that there were',
           lambda: self.resources_of(host)[0] <= files + 8, 20)
      self.assertLess(self.resources_of(host)[1], memory + MEMORY_KEPT)
    for log in self.news():
      # A stranger must not be able to fill the disk with what he did.
      self.assertLess(len(log), 64_000)
      self.assertNotIn('libprotobuf', log)

  def writes_fast(self, host):
    begun = time.monotonic()
    status, _ = host.issue('fast-%d' % time.monotonic_ns())
    return status == 200 and time.monotonic() - begun < 1

  def resources_of(self, host):
    """Open files, and bytes of memory."""
    proc = '/proc/%d/' % host.process.pid
    with open(proc + 'statm') as f:
      pages = int(f.read().split()[1])
    return len(os.listdir(proc + 'fd')), pages * resource.getpagesize()

  def news(self):
    """What every server has logged since the test began."""
    return [host.read_log()[before:]
            for host, before in zip(self.hosts, self.logged)]

  def repeat(self, attack, *said):
    """Until every server has said so: it says one thing once in 10 s, and only
    so many things of strangers."""
    def all_said():
      attack()
      return all(text in log for log in self.news() for text in said)
    wait('all say %s' % (said,), all_said, 30)

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
    self.repeat(lambda: self.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
                'net: closed the connection from 127.0.0.1:',
                'http: closed the connection from 127.0.0.1: http request')
    self.send(PREFACE)
    self.send(b'JACOPEER\1\0\0\0' + bytes(64))
    self.send(b'\x16\x03\x01\xff\xff' + b'\1' * 70_000)
    self.send(b'SSH-2.0-scan\r\n')
    for _ in range(20):
      self.send(os.urandom(2000))

  def test_http_2(self):
    # Which a client is not offered.
    context = self.context()
    context.set_alpn_protocols(['h2', 'http/1.1'])
    for host in self.hosts:
      with self.connect(host.ports[0]) as raw, context.wrap_socket(raw) as s:
        self.assertNotEqual(s.selected_alpn_protocol(), 'h2')
        s.sendall(PREFACE)
        answers = [b''.join(iter(lambda: s.recv(65536), b''))]
      answers.append(host.raw(PREFACE))
      for answer in answers:
        self.assertRegex(answer, rb'\AHTTP/1\.1 400 ')
        self.assertIn(b'not an HTTP request', answer)
        self.assertEqual(answer.count(b'HTTP/1.1 '), 1)
        self.assertEqual(host.call('GET', '/v1/health')[0], 200)

  def test_certificates_of_others(self):
    root = tempfile.mkdtemp(dir=self.hosts[0].root)
    san = 'URI:spiffe://0/node/1/node-1,DNS:node-1,IP:127.0.0.1'
    for name in ('/O=0/CN=node-1', '/CN=' + 'x' * 60):
      context = self.context(*certificate(root, name, san))
      for port in self.every_port():
        self.talk(port, context, b'JACOPEER\1' + bytes(100))
    self.repeat(lambda: self.talk_to_peers(context, hello(NOBODY)),
                'self-signed certificate')
    self.repeat(lambda: self.talk_to_peers(self.context(), hello(NOBODY)),
                'peer did not return a certificate')

  def context(self, *certificate_and_key):
    """A client's that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate_and_key:
      context.load_cert_chain(*certificate_and_key)
    return context

  def talk(self, port, context, data):
    """Says it, and hears the other side out."""
    with self.connect(port) as raw:
      try:
        with context.wrap_socket(raw) as s:
          # TLS 1.3: the refusal of our certificate comes with the answer.
          s.sendall(data)
          while chunk := s.recv(65536):
            self.assertNotIn(b'JACOPEER', chunk)
      except (ssl.SSLError, ConnectionError):
        pass

  def talk_to_peers(self, context, data):
    for host in self.hosts:
      self.talk(host.ports[1], context, data)

  def stolen_context(self, node, name, cluster='-', age=0, life=3600):
    """With a certificate of the cluster's own authority."""
    issued = subprocess.run(
        [ISSUE, self.stolen, cluster, str(node), name, str(age), str(life)],
        check=True, capture_output=True)
    with tempfile.NamedTemporaryFile(dir=self.hosts[0].root) as f:
      f.write(issued.stdout)
      f.flush()
      return self.context(f.name)

  def test_certificates_of_our_authority_that_are_not_good(self):
    day = 86400
    greeting = hello(NOBODY)
    for said, context in (
        ('certificate has expired',
         self.stolen_context(NOBODY, 'late', age=2 * day, life=day)),
        ('certificate is not yet valid',
         self.stolen_context(NOBODY, 'early', age=-day)),
        ('its certificate is of cluster another',
         self.stolen_context(NOBODY, 'foreign', cluster='another')),
        # Somebody else's name.
        ('peer claims to be %d, its certificate is of other, 77' % NOBODY,
         self.stolen_context(77, 'other'))):
      self.repeat(lambda: self.talk_to_peers(context, greeting), said)
    contexts = [self.stolen_context(host.id, host.name) for host in self.hosts]

    def claim_its_own_id():
      for host, context in zip(self.hosts, contexts):
        self.talk(host.ports[1], context, hello(host.id))
    self.repeat(claim_its_own_id, 'peer claims our own id')

  def test_frames_over_a_good_certificate(self):
    context = self.stolen_context(NOBODY, 'thief')
    for size in (FRAME_BYTES_MAX + 1, 0xffffffff):
      frames = hello(NOBODY) + struct.pack('<I', size) + bytes(1 << 20)
      self.repeat(lambda: self.talk_to_peers(context, frames),
                  '(thief): a frame of %d bytes' % size)

  def send_frames(self, node, name, frames):
    """To every server; then waits for a moment, and goes."""
    context = self.stolen_context(node, name)
    data = hello(node) + b''.join(
        struct.pack('<I', len(frame)) + frame for frame in frames)
    for host in self.hosts:
      with self.connect(host.ports[1]) as raw:
        try:
          with context.wrap_socket(raw) as s:
            s.sendall(data)
            s.settimeout(0.5)
            s.recv(1)
        except (ssl.SSLError, OSError):
          pass

  def test_frames_that_are_none(self):
    kinds = (b'', b'\1', b'F', b'F\1\1', b'F\1\3', b'S', b'S\1', b'\xff')
    # A write by somebody whose name is not in UTF-8, for whoever leads.
    command = b'\x12\x02\xff\xfe'
    frames = [kind + os.urandom(size) for kind in kinds
              for size in (0, 1, 7, 60, 3000)] * 20
    frames += [b'F\1\1' + struct.pack('<QQQI', term, 1, term, len(command)) +
               command for term in range(1, 100)]
    frames.append(bytes(FRAME_BYTES_MAX))
    self.repeat(lambda: self.send_frames(NOBODY, 'thief', frames),
                'a bad frame from server %d' % NOBODY)
    # In the name of a member, whose own connections end by that.
    for host in self.hosts:
      self.send_frames(host.id, host.name, frames)

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
    if self.crowd_size < CROWD:
      print('only %d connections: of more the limit of open files does not '
            'allow' % self.crowd_size, file=sys.stderr)
    for i in range(self.crowd_size):
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
    for log in self.news():
      self.assertIn('too many do not say who they are', log)

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
    for _ in range(14):
      for s in self.crowd:
        try:
          s.sendall(b'a')
        except (ssl.SSLError, OSError):
          pass
      time.sleep(0.5)
    for log in self.news():
      self.assertIn('its request took too long', log)


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1], verbosity=2)

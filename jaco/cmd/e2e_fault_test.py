#!/usr/bin/env python3
"""jacod on disks that are full, read-only or damaged.

    e2e_fault_test.py JACOD JACO

Small disks are mounts in a name space of our own. Where that is not permitted
the tests that need one are skipped, and say so.
"""

import http.client
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import e2e_namespaces as namespaces
from e2e_host import Filler, Host

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])
SEGMENT_BYTES = 16 << 20
# What a sync mark takes at the end of a log.
MARK_BYTES = 24


class FaultTest(unittest.TestCase):

  def host(self, **settings):
    host = Host(JACOD, JACO, **settings)
    self.addCleanup(host.close)
    return host

  def mount(self, *options):
    """A small disk. Gone with the name space, so nothing is left behind."""
    if not namespaces.have('mount'):
      print('\n*** SKIPPED: mounting is not permitted here: %s\n' % self.id(),
            file=sys.stderr)
      self.skipTest('mounting is not permitted here')
    path = tempfile.mkdtemp(prefix='jaco-e2e-disk-', dir='/tmp')
    self.addCleanup(os.rmdir, path)
    subprocess.run(['mount', '-t', 'tmpfs', *options, 'none', path], check=True)
    self.addCleanup(subprocess.run, ['umount', '--lazy', path], check=True)
    return path

  def assertCode(self, answer, status, code):
    self.assertEqual((answer[0], answer[1].get('code')), (status, code), answer)

  # ---- Full disks.

  def test_init_on_a_full_disk(self):
    disk = self.mount('-o', 'size=24m')
    filler = Filler(disk)
    # None; for the log, but not for the state store; for nearly all.
    for leave in (0, SEGMENT_BYTES + 4096, SEGMENT_BYTES + 16384):
      with self.subTest(leave=leave):
        host = self.host(data_dir=os.path.join(disk, 'data'))
        host.start()
        filler.fill(leave)
        refused = host.jaco('cluster', 'init')
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertRegex(refused.stderr,
                         r'\AError: disk_full: .*%s.*No space' % disk)
        self.assertIn('uninitialized', host.jaco('cluster', 'status').stdout)
        filler.free()
        init = host.jaco('cluster', 'init')
        self.assertEqual(init.returncode, 0, init.stderr)
        self.assertEqual(host.identities(), {'bootstrap'})
        host.stop(signal.SIGKILL)
        shutil.rmtree(host.data)

  def test_a_disk_that_fills_up(self):
    disk = self.mount('-o', 'size=40m')
    filler = Filler(disk)
    host = self.host(data_dir=os.path.join(disk, 'data'))
    host.start()
    self.assertEqual(host.jaco('cluster', 'init').returncode, 0)
    filler.fill(leave=4 << 20)  # some for the state store
    acknowledged = self.issue_until_refused(host)
    begun = time.monotonic()
    self.assertCode(host.issue('late'), 507, 'disk_full')
    cli = host.jaco('token', 'issue', '--name', 'late')
    self.assertRegex(cli.stderr, r'\AError: disk_full: the disk under the Raft '
                     r'log is full')
    # Nothing waits for the room that is not there, and what needs none works.
    self.assertEqual(host.call('GET', '/v1/health')[0], 200)
    self.assertIn('Leader:     node-1', host.jaco('cluster', 'status').stdout)
    self.assertLess(time.monotonic() - begun, 5)
    self.assertLessEqual(acknowledged, host.identities())
    # Said once, however often it is tried.
    self.assertEqual(
        len(re.findall(r'/raft/.*No space left', host.read_log())), 1)
    filler.free()
    self.wait_for_room(host)
    host.stop(signal.SIGKILL)
    host.start()
    self.assertLessEqual(acknowledged | {'after'}, host.identities())
    self.assertEqual(host.stop(), 0)

  def test_a_start_on_a_full_disk(self):
    disk = self.mount('-o', 'size=40m')
    filler = Filler(disk)
    host = self.host(data_dir=os.path.join(disk, 'data'))
    host.start()
    self.assertEqual(host.jaco('cluster', 'init').returncode, 0)
    host.stop()
    filler.fill()
    host.launch()
    answers = []
    while host.process.poll() is None:
      try:
        answers.append(host.call('GET', '/v1/tokens'))
      except (OSError, http.client.HTTPException):
        time.sleep(0.001)
    self.assertRegex(host.read_log(),
                     r'(?m)^Error: disk_full: .*%s.*No space' % disk)
    # While it starts, and while it stops.
    for status, answer in answers:
      self.assertIn((status, answer['code']),
                    ((503, 'no_leader'), (507, 'disk_full')))
    self.assertIn(507, [status for status, _ in answers])
    filler.free()
    host.start()
    self.assertEqual(host.identities(), {'bootstrap'})

  def test_a_socket_on_a_full_disk(self):
    disk = self.mount('-o', 'size=1m,nr_inodes=2')
    os.mkdir(os.path.join(disk, 'one'))
    last = self.host(
        unix_socket=os.path.join(disk, 'two', 'jaco.sock')).refuse_to_start()
    self.assertRegex(last, r'\AError: disk_full: .*%s.*No space' % disk)

  def wait_for_room(self, host):
    deadline = time.monotonic() + 20
    while (answer := host.issue('after'))[0] != 200:
      self.assertCode(answer, 507, 'disk_full')
      self.assertLess(time.monotonic(), deadline)
      time.sleep(0.05)

  def issue_until_refused(self, host):
    """Fills a segment of the log; the identities that were acknowledged."""
    clients = [PipeliningClient(host.socket, n) for n in range(64)]
    selector = selectors.DefaultSelector()
    for client in clients:
      selector.register(client.socket, selectors.EVENT_READ, client)
      client.begin()
    deadline = time.monotonic() + 240
    while not all(client.refused for client in clients):
      self.assertLess(time.monotonic(), deadline)
      for key, _ in selector.select(1):
        key.data.on_readable()
        if key.data.refused:
          selector.unregister(key.fileobj)
    for client in clients:
      client.socket.close()
      self.assertIn(b'"disk_full"', client.refused)
    return set().union(*(client.acknowledged() for client in clients))

  # ---- Disks that cannot be written.

  def test_a_read_only_disk(self):
    disk = self.mount('-o', 'size=1m')
    os.mkdir(os.path.join(disk, 'data'))
    subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
    for name in ('data', 'new', 'new/below'):
      path = os.path.join(disk, name)
      last = self.host(data_dir=path).refuse_to_start()
      self.assertRegex(
          last, r'\AError: permission_denied: .*%s.*Read-only file' % disk)

  def test_a_directory_without_write_permission(self):
    # Root may write everywhere, unless it gives that right up.
    user = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
    if os.geteuid() != 0:
      user = []
    elif subprocess.run(user + ['true'], capture_output=True).returncode != 0:
      print('\n*** SKIPPED: cannot give up rights: %s\n' % self.id(),
            file=sys.stderr)
      self.skipTest('cannot give up rights here')
    host = self.host()
    os.mkdir(host.data, 0o555)
    for path in (host.data, os.path.join(host.data, 'new')):
      refused = subprocess.run(
          user + [JACOD, '--config', host.config, '--data-dir', path],
          capture_output=True, text=True, timeout=60)
      self.assertEqual(refused.returncode, 1)
      self.assertRegex(
          refused.stderr,
          r'\AError: permission_denied: .*%s.*Permission denied\nNext: .*\n\Z' % path)

  # ---- Damage.

  def member(self, stop):
    """A server with three tokens that was ended by `stop`; its log's path."""
    host = self.host()
    host.start()
    self.assertEqual(host.jaco('cluster', 'init').returncode, 0)
    for identity in ('token-a', 'token-b', 'token-c'):
      self.assertEqual(host.issue(identity)[0], 200)
    host.stop(stop)
    directory = os.path.join(host.data, 'raft')
    (name,) = [n for n in os.listdir(directory) if n.endswith('.log')]
    return host, os.path.join(directory, name)

  def assertDataLoss(self, host, path, where=r'offset \d+'):
    with open(path, 'rb') as f:
      before = f.read()
    for _ in range(2):
      self.assertRegex(host.refuse_to_start(),
                       r'\AError: data_loss: .*%s.*%s' % (path, where))
    with open(path, 'rb') as f:
      self.assertTrue(f.read() == before, path + ' was changed')

  def test_a_flipped_byte(self):
    for stop in (signal.SIGTERM, signal.SIGKILL):
      host, path = self.member(stop)
      with open(path, 'rb') as f:
        log = f.read()
      end = (len(log.rstrip(b'\0')) + 7) // 8 * 8
      places = {
          'header': 3,
          'hard state': 90,
          'founding': log.index(b'node-1'),
          'middle': log.index(b'token-b'),
          'last entry': log.index(b'token-c'),
          'last byte of it': end - MARK_BYTES - 9,
      }
      for name, offset in places.items():
        with self.subTest(stop=stop, place=name, offset=offset):
          self.flip(path, offset)
          self.assertDataLoss(host, path)
          self.flip(path, offset)
      # The last mark vouches for others; itself it holds nothing.
      self.flip(path, end - 1 - 8)
      host.start()
      self.assertEqual(host.identities(),
                       {'bootstrap', 'token-a', 'token-b', 'token-c'})
      self.assertEqual(host.stop(), 0)

  @staticmethod
  def flip(path, offset):
    with open(path, 'r+b') as f:
      f.seek(offset)
      byte = f.read(1)[0]
      f.seek(offset)
      f.write(bytes([byte ^ 0x20]))

  def test_a_segment_that_was_cut_short(self):
    host, path = self.member(signal.SIGTERM)
    with open(path, 'rb') as f:
      log = f.read()
    used = len(log.rstrip(b'\0'))
    for left in (1 << 20, used + 1, used - MARK_BYTES, log.index(b'token-b')):
      os.truncate(path, left)
      with self.subTest(left=left):
        self.assertDataLoss(host, path)
    with open(path, 'wb') as f:
      f.write(log)
    host.start()
    self.assertIn('token-c', host.identities())

  def test_an_identity_that_is_missing(self):
    host, path = self.member(signal.SIGTERM)
    identity = os.path.join(host.data, 'identity')
    os.rename(identity, identity + '.away')
    with open(path, 'rb') as f:
      before = f.read()
    self.assertRegex(host.refuse_to_start(),
                     r'\AError: data_loss: %s is missing' % identity)
    with open(path, 'rb') as f:
      self.assertTrue(f.read() == before)
    os.rename(identity + '.away', identity)
    host.start()
    self.assertIn('token-c', host.identities())


class PipeliningClient:
  """Asks for tokens, many requests at a time, until it is refused."""

  _WINDOW = 64

  def __init__(self, path, number):
    self.socket = socket.socket(socket.AF_UNIX)
    self.socket.connect(path)
    self.refused = b''  # the first answer that is no 200
    self._number = number
    self._asked = 0
    self._answered = 0
    self._in = b''

  def acknowledged(self):
    return {self._identity(i) for i in range(self._answered)}

  def begin(self):
    self._ask()

  def on_readable(self):
    self._in += self.socket.recv(1 << 18)
    self._take_answers()
    if self._asked < self._answered + self._WINDOW // 2:
      self._ask()

  def _identity(self, i):
    return ('c%d-%d-' % (self._number, i)).ljust(128, 'x')

  def _ask(self):
    out = b''
    while self._asked < self._answered + self._WINDOW:
      body = '{"identity":"%s"}' % self._identity(self._asked)
      out += ('POST /v1/token HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s' %
              (len(body), body)).encode()
      self._asked += 1
    self.socket.sendall(out)  # fits into the socket's buffer

  def _take_answers(self):
    while not self.refused:
      head = self._in.find(b'\r\n\r\n')
      if head < 0:
        return
      length = int(re.search(rb'Content-Length: (\d+)', self._in).group(1))
      if len(self._in) < head + 4 + length:
        return
      answer, self._in = (self._in[:head + 4 + length],
                          self._in[head + 4 + length:])
      if answer.startswith(b'HTTP/1.1 200'):
        self._answered += 1
      else:
        self.refused = answer


if __name__ == '__main__':
  namespaces.enter('mount')
  unittest.main(argv=sys.argv[:1], verbosity=2)

"""A jacod on a host of its own, for the tests of the programs from outside."""

import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time


# The server may answer, and close, before it has been sent all. The answer can
# be read still.
CLOSED_EARLY = (BrokenPipeError, ConnectionResetError)


class UnixConnection(http.client.HTTPConnection):

  def __init__(self, path, timeout=60):
    super().__init__('localhost', timeout=timeout)
    self._path = path

  def connect(self):
    self.sock = socket.socket(socket.AF_UNIX)
    self.sock.settimeout(self.timeout)
    self.sock.connect(self._path)

  def call(self, method, target, body=None):
    try:
      self.request(method, target, body)
    except CLOSED_EARLY:
      pass
    response = self.getresponse()
    return response.status, json.loads(response.read())


# Each once: a port is free, too, as long as nobody has begun to listen there.
_PORTS = iter(random.sample(range(10_000, 32_000), 22_000))


def free_port():
  """Not one that a connection may be given while its server is down."""
  for port in _PORTS:
    with socket.socket() as s:
      try:
        s.bind(('127.0.0.1', port))
      except OSError:
        continue
      return port


def open_private(path, mode='w'):
  """A file that only its owner may read, as jacod wants those with keys."""
  f = open(path, mode)
  os.chmod(path, 0o600)
  return f


class Failure(AssertionError):
  """A server or a cluster is not as it has to be."""


def wait(what, done, seconds=60):
  """The seconds that it took."""
  begun = time.monotonic()
  while not done():
    if time.monotonic() > begun + seconds:
      raise Failure('not within %d s: %s' % (seconds, what))
    time.sleep(0.02)
  return time.monotonic() - begun


class Filler:
  """A file that takes all room of a disk."""

  def __init__(self, directory):
    self._path = os.path.join(directory, 'filler')
    self._directory = directory

  def fill(self, leave=0):
    with open(self._path, 'ab') as f:
      disk = os.statvfs(self._directory)
      room = disk.f_bavail * disk.f_frsize
      os.posix_fallocate(f.fileno(), 0,
                         os.fstat(f.fileno()).st_size + room - leave)

  def free(self):
    os.truncate(self._path, 0)


class Host:
  """A directory with a configuration, and the jacod that uses it."""

  def __init__(self, jacod, jaco, **settings):
    self._jacod, self._jaco = jacod, jaco
    self.root = tempfile.mkdtemp(prefix='jaco-e2e-', dir='/tmp')
    self.config = os.path.join(self.root, 'jacod.yaml')
    self.socket = os.path.join(self.root, 'jaco.sock')
    self.data = settings.get('data_dir', os.path.join(self.root, 'data'))
    self.log = open(os.path.join(self.root, 'log'), 'w+b')
    self.process = None
    self.prefix = []  # a command to run jacod by
    self.settings = {
        'node_name': 'node-1',
        'data_dir': self.data,
        'unix_socket': self.socket,
        'listen_addr': '127.0.0.1:%d' % free_port(),
        'cluster_addr': '127.0.0.1:%d' % free_port(),
    }
    self.configure(**settings)

  @property
  def name(self):
    return self.settings['node_name']

  @property
  def api(self):
    return self.settings['listen_addr']

  def configure(self, **settings):
    """Changes settings; None removes one, lists are as in YAML."""
    self.settings.update(settings)
    secret = self.settings.get('bootstrap_key') is not None
    with (open_private if secret else open)(self.config, 'w') as f:
      for key, value in self.settings.items():
        if value is not None:
          form = '%s: %s\n' if str(value).startswith('[') else '%s: "%s"\n'
          f.write(form % (key, value))

  def launch(self, *flags):
    command = self.prefix + [self._jacod, '--config', self.config]
    self.process = subprocess.Popen(command + list(flags), stderr=self.log)

  def start(self, *flags):
    self.launch(*flags)
    self.wait_until_up()

  def wait_until_up(self):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and self.process.poll() is None:
      try:
        if self.call('GET', '/v1/health')[1]['lifecycle'] != 'starting':
          return
      except OSError:
        pass
      time.sleep(0.02)
    raise AssertionError('jacod does not answer:\n' + self.read_log())

  def refuse_to_start(self):
    """Starts jacod, which has to end by itself; its last line."""
    self.launch()
    if self.process.wait(60) != 1:
      raise AssertionError('exit code %d:\n%s' %
                           (self.process.returncode, self.read_log()))
    return [line for line in self.read_log().splitlines()
            if not line.startswith('Next: ')][-1]

  def stop(self, signum=signal.SIGTERM):
    self.process.send_signal(signum)
    return self.process.wait(20)

  def kill(self):
    self.stop(signal.SIGKILL)

  def close(self):
    if self.process and self.process.poll() is None:
      self.process.kill()
      self.process.wait()
    self.log.close()
    shutil.rmtree(self.root)

  def read_log(self):
    self.log.seek(0)
    return self.log.read().decode()

  def call(self, method, target, body=None, timeout=60):
    connection = UnixConnection(self.socket, timeout)
    try:
      return connection.call(method, target, body)
    finally:
      connection.close()

  def issue(self, identity):
    return self.call('POST', '/v1/token', json.dumps({'identity': identity}))

  def identities(self):
    """Whose tokens are listed; waits for a leader."""
    deadline = time.monotonic() + 20
    while True:
      status, answer = self.call('GET', '/v1/tokens')
      if status == 200:
        return {token['identity'] for token in answer['tokens']}
      if time.monotonic() > deadline:
        raise AssertionError('no list of tokens: %d %s' % (status, answer))
      time.sleep(0.02)

  def raw(self, data, seconds=60):
    """What the daemon answers to these bytes, up to its closing."""
    with socket.socket(socket.AF_UNIX) as s:
      s.settimeout(seconds)
      s.connect(self.socket)
      answer = b''
      try:
        s.sendall(data)
      except CLOSED_EARLY:
        pass
      try:
        while chunk := s.recv(65536):
          answer += chunk
      except ConnectionResetError:  # behind the answer
        pass
      return answer

  def jaco(self, *arguments):
    return subprocess.run([self._jaco, *arguments, '--socket', self.socket],
                          capture_output=True, text=True, timeout=60)

  def command(self, *arguments):
    """What a command prints that has to succeed."""
    done = self.jaco(*arguments)
    if done.returncode != 0:
      raise Failure('jaco %s: %s' % (' '.join(arguments[:2]), done.stderr))
    return done.stdout

  def init(self):
    """Founds a cluster; the token of its first operator.

    Where tests share a processor, servers are often silent for longer than the
    200 ms after which they would not get a vote.
    """
    said = self.command('cluster', 'init')
    self.command('operator', 'autopilot', 'set-config',
                 '--last-contact-threshold=5s')
    return said.split('operator_token:')[1].split()[0]

  def new_join_token(self, *arguments):
    issued = self.command('node', 'issue-join-token', *arguments)
    return issued.split('--token=')[1].split()[0]

  def join(self, member):
    return self.command('node', 'join', '--peer', member.api, '--token',
                        member.new_join_token())


def agreed_leader(hosts):
  """Waits until all of `hosts` name the same leader, one of them."""
  names = {host.name: host for host in hosts}
  found = []

  def agreed():
    leaders = {h.call('GET', '/v1/cluster/status')[1]['leader'] for h in hosts}
    if len(leaders) == 1 and leaders <= set(names):
      found[:] = leaders
    return found
  wait('one leader', agreed)
  return names[found[0]]


class Writer(threading.Thread):
  """Writes through each of `hosts` in turn; knows the longest time without."""

  def __init__(self, hosts, name='w'):
    super().__init__(name=name)
    self.hosts, self.longest, self.written = hosts, 0.0, []
    self._over = threading.Event()

  def run(self):
    last = time.monotonic()
    number = 0
    while not self._over.is_set():
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
    """Again, too."""
    self._over.set()
    self.join()

"""What clients see of operator tokens while faults strike, written down as
docs/formats.md says, for `jaco-sim check-history`."""

import http.client
import json
import random
import subprocess
import threading
import time

from e2e_host import UnixConnection

# A call that ended so did not happen, and never will.
REFUSALS = frozenset((
    'cluster_uninitialized', 'no_leader', 'quorum_lost', 'rate_limited',
    'validation_failed',
))
CALL_SECONDS = 3
LIST_SECONDS = 20
LIST_EVERY_SECONDS = 5
# So many revoked tokens a cluster remembers: ClusterState::Limits.
REVOKED_MAX = 1000


def _row(token):
  row = '%s=%d' % (token['identity'], token['create_index'])
  return row + '/%d' % token['modify_index'] if token['revoked_at'] else row


class History:
  """The file, what was acknowledged, and when writes succeeded. Thread-safe."""

  def __init__(self, path):
    self.path = path
    self.counts = {}  # of operations by 'issue ok' and the like
    self.issued, self.revoked = set(), set()  # acknowledged
    self._revocations = set()  # tried
    self.refusals = {}  # by code, of refused and unknown ones
    self.defects = set()  # messages of answers that should never be
    self._file = open(path, 'w', encoding='ascii')
    self._file.write('jaco-history 1\n')
    self._lock = threading.Lock()
    self.measure_gaps()

  def record(self, client, called, returned, member, call, outcome):
    """`call` as 'issue NAME', `outcome` as 'ok 7'; see the format."""
    kind, _, identity = call.partition(' ')
    words = outcome.split(' ', 2)
    with self._lock:
      print(client, called, returned, member, call, outcome, file=self._file)
      key = kind + ' ' + words[0]
      self.counts[key] = self.counts.get(key, 0) + 1
      if kind == 'revoke':
        self._revocations.add(identity)
      if words[0] in ('refused', 'unknown'):
        self.refusals[words[1]] = self.refusals.get(words[1], 0) + 1
      if words[0] == 'ok' and identity:
        (self.issued if kind == 'issue' else self.revoked).add(identity)
        self._on_write()

  def _on_write(self):
    now = time.monotonic()
    # How long, and when it ended.
    self._gap = max(self._gap, (now - self._last_write, now))
    self._last_write = now

  def measure_gaps(self):
    """Forgets what gap() says, as of the time without a cluster."""
    with self._lock:
      self._last_write = time.monotonic()
      self._gap = (0.0, self._last_write)

  def gap(self):
    """The longest time without a successful write since measure_gaps(), in
    seconds; and when it ended, on the clock of time.monotonic()."""
    with self._lock:
      now = time.monotonic()
      return max(self._gap, (now - self._last_write, now))

  def operations(self):
    return sum(self.counts.values())

  def writes(self):
    return self.counts.get('issue ok', 0) + self.counts.get('revoke ok', 0)

  def summary(self):
    with self._lock:
      text = ', '.join('%s %d' % item for item in sorted(self.counts.items()))
      why = ', '.join('%s %d' % item for item in sorted(self.refusals.items()))
    return text + ('; because of: ' + why if why else '')

  def lost(self, tokens):
    """What was acknowledged and is not among `tokens`, as listed. Whether those
    that were forgotten are the oldest, check() knows."""
    there = {token['identity']: token for token in tokens}
    full = REVOKED_MAX <= sum(bool(token['revoked_at']) for token in tokens)
    forgotten = self._revocations - set(there) if full else set()
    gone = {'issue of ' + name for name in self.issued if name not in there}
    gone |= {
        'revocation of ' + name for name in self.revoked
        if name not in there or not there[name]['revoked_at']
    }
    return {what for what in gone if what.split()[-1] not in forgotten}

  def check(self, jaco_sim):
    """The exit code of the checker, and what it said."""
    self._file.flush()
    done = subprocess.run([jaco_sim, 'check-history', self.path],
                          capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


class Client(threading.Thread):
  """Issues, revokes and lists at one member at a time, the one in its turn:
  so while any member serves, some client finds it."""

  def __init__(self, number, members, history, rate, seed):
    super().__init__(daemon=True)
    self.label = 'c%d' % number
    self._number, self._members, self._history = number, members, history
    self._pause = 1 / rate
    self._chance = random.Random('%d/%d' % (seed, number))
    self._ended = threading.Event()
    self._connection, self._connected_to = None, None
    self._names, self._serial = [], 0
    self._next_list = time.monotonic() + LIST_EVERY_SECONDS
    self.error = None

  def run(self):
    try:
      while not self._ended.wait(self._pause * 2 * self._chance.random()):
        self._operate()
    except Exception as error:  # pylint: disable=broad-except
      self.error = error  # for whoever ends us
    finally:
      self._drop()

  def end(self):
    self._ended.set()
    self.join()
    if self.error:
      raise self.error

  def _operate(self):
    members = list(self._members)
    member = members[self._number % len(members)]
    if time.monotonic() > self._next_list:
      self._next_list = time.monotonic() + LIST_EVERY_SECONDS
      self.list(member)
    elif self._names and self._chance.random() < 0.3:
      self._write(member, 'revoke', self._chance.choice(self._names))
    else:
      self._serial += 1
      name = '%s-%d' % (self.label, self._serial)
      # Once more when it is not known whether there is one.
      for _ in range(2):
        if not self._write(member, 'issue', name).startswith('unknown'):
          break
      self._names.append(name)

  def _write(self, member, kind, name):
    if kind == 'issue':
      method, target = 'POST', '/v1/token'
      body = json.dumps({'identity': name})
    else:
      method, target, body = 'DELETE', '/v1/token/' + name, None
    _, outcome = self._call(member, '%s %s' % (kind, name), CALL_SECONDS,
                            method, target, body)
    return outcome

  def list(self, member):
    """The tokens, or None."""
    answer, _ = self._call(member, 'list', LIST_SECONDS, 'GET', '/v1/tokens',
                           None)
    return answer and answer.get('tokens')

  def _call(self, member, call, seconds, *request):
    called = time.monotonic_ns()
    answer, outcome = self._attempt(member, seconds, *request)
    returned = time.monotonic_ns()
    self._history.record(self.label, called,
                         '-' if outcome.startswith('unknown') else returned,
                         member.name, call, outcome)
    if outcome.startswith(('refused', 'unknown')):
      self._ended.wait(0.02)
    return answer, outcome

  def _attempt(self, member, seconds, method, target, body):
    try:
      connection = self._connect(member, seconds)
    except OSError:
      return None, 'refused not-connected'
    try:
      status, answer = connection.call(method, target, body)
    except TimeoutError:
      self._drop()
      return None, 'unknown no-answer'
    except (OSError, http.client.HTTPException, ValueError):
      self._drop()
      return None, 'unknown connection-lost'
    return answer, self._outcome(status, answer)

  def _outcome(self, status, answer):
    if status == 200:
      rows = sorted(_row(token) for token in answer.get('tokens', []))
      return ' '.join(['ok %d' % answer['index'], *rows])
    code = answer['code']
    if code == 'token_exists':
      return 'exists'
    if code == 'token_not_found':
      return 'missing'
    if code == 'internal':
      self._history.defects.add(answer['message'])
    nothing = code == 'disk_full' and 'nothing is written' in answer['message']
    return ('refused ' if nothing or code in REFUSALS else 'unknown ') + code

  def _connect(self, member, seconds):
    if self._connected_to is not member:
      self._drop()
    if self._connection is None:
      self._connection = UnixConnection(member.socket, seconds)
      self._connected_to = member
      try:
        self._connection.connect()
      except OSError:
        self._drop()
        raise
    self._connection.sock.settimeout(seconds)
    return self._connection

  def _drop(self):
    if self._connection is not None:
      self._connection.close()
    self._connection = self._connected_to = None


class Load:
  """Several clients at a time."""

  def __init__(self, cluster, history, clients, rate, seed=0):
    """`rate`: operations per second, of all together."""
    self._cluster, self._history = cluster, history
    self._clients = [
        Client(number, cluster.members, history, rate / clients, seed)
        for number in range(clients)
    ]
    for client in self._clients:
      client.start()

  def end(self):
    for client in self._clients:
      client.end()

  def lost(self):
    """Lists at every member, which all have to be up and well; what is lost."""
    lost = set()
    for member in self._cluster.members:
      reader = Client(len(self._clients), [member], self._history, 1, 0)
      deadline = time.monotonic() + 60
      while (tokens := reader.list(member)) is None:
        if time.monotonic() > deadline:
          return {'%s does not list' % member.name}
      lost |= self._history.lost(tokens)
    return lost

"""Faults that strike a cluster of real servers, one episode after the other."""

import signal
import time

from cluster import Failure, wait


class Episode:
  """One fault: between begin() and end() it is there. What is random is drawn
  when it is made."""

  needs = None  # 'cut', 'disk': what the cluster has to offer

  def __init__(self, cluster, chance):
    self.cluster, self.chance = cluster, chance
    self.victims = self._draw_victims()
    self.seconds = chance.uniform(0.1, 4)

  def _draw_victims(self):
    """A minority; often with the leader."""
    members = list(self.cluster.members)
    leader = self.cluster.leader()
    self.chance.shuffle(members)
    if leader and self.chance.random() < 0.5:
      members.remove(leader)
      members.insert(0, leader)
    most = max(1, (len(members) - 1) // 2)
    return members[:self.chance.randint(1, most)]

  def __str__(self):
    return '%s %s' % (self.name, ' '.join(m.name for m in self.victims))


class Kill(Episode):
  """SIGKILL, and a start; now and then of all at once, or in the middle of the
  start."""
  name = 'kill'

  def _draw_victims(self):
    if self.chance.random() < 0.15:
      return list(self.cluster.members)
    return super()._draw_victims()

  def begin(self):
    for member in self.victims:
      member.kill()

  def end(self):
    for member in self.victims:
      if self.chance.random() < 0.25:
        member.launch()
        time.sleep(self.chance.random() / 10)
        member.kill()
    for member in self.victims:
      member.launch()
    for member in self.victims:
      member.wait_until_up()


class Pause(Episode):
  """SIGSTOP and SIGCONT."""
  name = 'pause'

  def begin(self):
    for member in self.victims:
      member.signal(signal.SIGSTOP)

  def end(self):
    for member in self.victims:
      member.signal(signal.SIGCONT)


class Partition(Episode):
  """Some members lose their link, or hear others that do not hear them, or are
  on the other side of a split."""
  name, needs = 'partition', 'cut'

  def __init__(self, cluster, chance):
    super().__init__(cluster, chance)
    self.seconds = chance.uniform(0.5, 6)
    self.kind = chance.choice(('isolated', 'deaf', 'split'))
    self._cuts = []

  def __str__(self):
    return '%s, %s' % (super().__str__(), self.kind)

  def begin(self):
    network = self.cluster.network
    if self.kind == 'isolated':
      for member in self.victims:
        network.isolate(member.number)
      return
    for victim in self.victims:
      for other in self.cluster.members:
        if other in self.victims:
          continue
        self._cuts.append((other.number, victim.number))
        if self.kind == 'split':
          self._cuts.append((victim.number, other.number))
    for cut in self._cuts:
      network.cut(*cut)

  def end(self):
    network = self.cluster.network
    if self.kind == 'isolated':
      for member in self.victims:
        network.reconnect(member.number)
    for cut in self._cuts:
      network.mend(*cut)


class DiskFull(Episode):
  """Somebody else takes all room, or nearly all. A log has room in advance, so
  some victims have to start again with none."""
  name, needs = 'disk-full', 'disk'

  def __init__(self, cluster, chance):
    super().__init__(cluster, chance)
    self.restarts = chance.random() < 0.5

  def __str__(self):
    return super().__str__() + (', with a start' if self.restarts else '')

  def begin(self):
    leave = self.chance.choice((0, 0, 4096, 1 << 20))
    for member in self.victims:
      member.filler.fill(leave)
      if self.restarts:
        member.kill()
        member.launch()

  def end(self):
    for member in self.victims:
      member.filler.free()
      wait('%s is up, or has given up' % member.name,
           lambda m=member: m.is_member() or m.process.poll() is not None)
      if member.process.poll() is not None:
        if 'disk_full' not in member.last_words():
          self.cluster.check_alive()
        member.start()


class Wipe(Episode):
  """A member loses its disk, and joins again under a new name. Its vote is gone
  for good: so all others have to be well before, and after."""
  name = 'wipe'

  def _draw_victims(self):
    return super()._draw_victims()[:1]

  def begin(self):
    self.cluster.settle()
    (victim,) = self.victims
    former = self.cluster.rejoin_empty(victim)
    if self.cluster.can_remove():
      by = next(m for m in self.cluster.members if m is not victim)
      by.command('node', 'remove', former, '--force')
    self.seconds = 0

  def end(self):
    # Where there are more members than votes, another one may have its vote.
    self.cluster.settle()


KINDS = {kind.name: kind for kind in (Kill, Pause, Partition, DiskFull, Wipe)}


def available(names, cluster, skipped):
  """Those of `names` that can be had here; of the others it is said why not."""
  kinds = []
  for name in names:
    kind = KINDS[name]
    if kind.needs == 'cut' and not cluster.network.can_cut:
      skipped.add(name, 'the network is ' + cluster.network.description)
    elif kind.needs == 'disk' and not cluster.disk_bytes:
      skipped.add(name, 'mounting is not permitted here')
    else:
      kinds.append(kind)
  if not kinds:
    raise Failure('none of these faults can be had here')
  return kinds


class Nemesis:
  """Lets faults of `kinds` strike until the time is over."""

  def __init__(self, cluster, kinds, chance, say):
    self._cluster, self._kinds = cluster, kinds
    self._chance, self._say = chance, say
    self.struck = {}  # how often, by name
    self._bag = []

  def _next_kind(self):
    # Each in its turn, in a random order: so each there is strikes soon.
    if not self._bag:
      self._bag = self._chance.sample(self._kinds, len(self._kinds))
    return self._bag.pop()

  def run(self, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
      episode = self._next_kind()(self._cluster, self._chance)
      self._say(str(episode))
      episode.begin()
      time.sleep(max(0, min(episode.seconds, deadline - time.monotonic())))
      episode.end()
      self.struck[episode.name] = self.struck.get(episode.name, 0) + 1
      self._cluster.check_alive()
      # Mostly long enough for an election, sometimes not.
      rest = self._chance.uniform(0, 3)
      time.sleep(max(0, min(rest, deadline - time.monotonic())))

"""A cluster of real jacods on this host, of any size, on a network that can be
cut where that is permitted."""

import functools
import http.client
import json
import os
import shutil
import subprocess
import time

import e2e_host
from e2e_host import Failure, Filler, Host

# Generous: the host may be busy with anything.
PATIENCE_SECONDS = 120
wait = functools.partial(e2e_host.wait, seconds=PATIENCE_SECONDS)


def voters_for(members):
  """Of so many healthy members, how many vote; see docs/operations.md."""
  return min(7, members if members % 2 else members - 1)


class Member(Host):
  """One jacod of a cluster."""

  def __init__(self, cluster, number, place):
    super().__init__(cluster.jacod, cluster.jaco, node_name='node-%d' % number,
                     listen_addr=place.api, cluster_addr=place.peers)
    self.number, self.prefix = number, place.prefix
    self.filler = None
    if cluster.disk_bytes:
      os.mkdir(self.data)
      subprocess.run(['mount', '-t', 'tmpfs', '-o',
                      'size=%d' % cluster.disk_bytes, 'none', self.data],
                     check=True)
      self.filler = Filler(self.data)

  def status(self, timeout=20):
    """What it says of its cluster; None while it does not answer."""
    try:
      code, answer = self.call('GET', '/v1/cluster/status', timeout=timeout)
    except (OSError, http.client.HTTPException, ValueError):
      return None
    return answer if code == 200 else None

  def is_member(self):
    status = self.status()
    return bool(status) and status['lifecycle'] == 'member'

  def configurations(self):
    """Of a stopped server, every configuration in its log: (index, [voters],
    [voters that are on their way out])."""
    done = subprocess.run(
        [self._jaco, 'operator', 'raft', 'logs', '--data-dir', self.data, '-o',
         'json'], capture_output=True, text=True, check=False)
    if done.returncode != 0:
      raise Failure('jaco operator raft logs: ' + done.stderr)
    for entry in json.loads(done.stdout)['entries']:
      if entry['kind'] == 'configuration':
        voters = entry['summary'].split(' learners ')[0].split(' from ')
        yield (entry['index'], voters[0].split(),
               voters[1].split() if len(voters) > 1 else [])

  def last_words(self):
    return '\n'.join(self.read_log().splitlines()[-10:])

  def signal(self, signum):
    self.process.send_signal(signum)

  def wipe(self):
    """Nothing is left of a stopped server but its place."""
    for name in os.listdir(self.data):
      path = os.path.join(self.data, name)
      if os.path.isdir(path):
        shutil.rmtree(path)
      else:
        os.remove(path)

  def close(self, keep=False):
    if self.process and self.process.poll() is None:
      self.process.kill()
      self.process.wait()
    if self.filler:
      subprocess.run(['umount', '--lazy', self.data], check=False)
    if keep:
      self.log.close()
    else:
      super().close()


class Cluster:

  def __init__(self, jacod, jaco, network, disk_bytes=0):
    self.jacod, self.jaco = os.path.abspath(jacod), os.path.abspath(jaco)
    self.network, self.disk_bytes = network, disk_bytes
    self.members = []
    self._numbers = 0

  def form(self, servers):
    """As many members, and all the voters that they ought to have."""
    while len(self.members) < servers:
      self.grow()
    self.settle()

  def grow(self):
    """One more member; how long its `node join` took."""
    self._numbers += 1
    member = Member(self, self._numbers, self.network.add(self._numbers))
    member.start()
    begun = time.monotonic()
    if self.members:
      self.join(member)
    else:
      member.command('cluster', 'init')
    self.members.append(member)
    return time.monotonic() - begun

  def join(self, member):
    by = next(m for m in self.members if m is not member)
    member.join(by)

  def rejoin_empty(self, member):
    """The server loses its disk and comes back as a new member, where it was.
    Returns its former name."""
    former = member.name
    member.kill()
    member.wipe()
    self._numbers += 1
    member.configure(node_name='node-%d' % self._numbers)
    member.start()
    self.join(member)
    return former

  def shrink(self, member):
    """Takes a member out of the cluster, and ends its server; how long the
    removal took."""
    self.members.remove(member)  # so that nobody calls it any more
    begun = time.monotonic()
    refusal = ''

    def removed():
      nonlocal refusal
      refusal = self.members[0].jaco('node', 'remove', member.name).stderr
      # no_leader, or a change is under way.
      return not refusal or 'node_not_found' in refusal
    try:
      wait('remove %s' % member.name, removed)
    except Failure as failure:
      raise Failure('%s: %s' % (failure, refusal)) from None
    took = time.monotonic() - begun
    member.close()
    return took

  def can_remove(self):
    """Whether this jaco knows `node remove`."""
    return 'remove' in self.members[0].jaco('node', '--help').stdout

  def named(self, name):
    return next((m for m in self.members if m.name == name), None)

  def leader(self):
    """The member that all others take for the leader, or None."""
    said = [member.status() for member in self.members]
    names = {status['leader'] if status else None for status in said}
    return self.named(names.pop()) if len(names) == 1 else None

  def wait_for_leader(self):
    wait('one leader', lambda: self.leader() is not None)
    return self.leader()

  def voters(self):
    """The names of those that vote, as the leader says; None without one."""
    for member in list(self.members):
      status = member.status()
      if not status or status['leader'] != member.name:
        continue
      suffrages = {n['hostname']: n['suffrage'] for n in status['nodes']}
      if 'unknown' not in suffrages.values():
        return {name for name, vote in suffrages.items() if vote == 'voter'}
    return None

  def settle(self):
    """Waits for as many living voters as there can be; how long it took."""
    names = {member.name for member in self.members}
    wanted = voters_for(len(names))

    def settled():
      voters = self.voters()
      return voters is not None and len(voters & names) >= wanted
    return wait('%d voters of %s' % (wanted, sorted(names)), settled)

  def agrees(self):
    """Whether every member lists exactly the members."""
    names = {member.name for member in self.members}
    return all(
        (status := member.status()) and
        {node['hostname'] for node in status['nodes']} == names
        for member in self.members)

  def check_alive(self):
    for member in self.members:
      if member.process.poll() is not None:
        raise Failure('%s ended by itself with %d:\n%s' %
                      (member.name, member.process.returncode,
                       member.last_words()))

  def picture(self):
    """What the first member that answers says of all: for who asks why."""
    for member in self.members:
      seen = [member.jaco('node', 'list'),
              member.jaco('operator', 'autopilot', 'health')]
      if all(done.returncode == 0 for done in seen):
        return '\n'.join(done.stdout.strip() for done in seen)
    return 'nobody knows how the servers are'

  def close(self, keep=False):
    for member in self.members:
      member.close(keep)
    self.network.close()

"""How servers on one host reach each other, and how they do not."""

import ipaddress
import os
import subprocess
import time

from e2e_host import free_port
import relay


class Loopback:
  """One address, a port each: nothing can be cut."""

  can_cut = False
  unspoilt = 'the network is loopback'  # why there is no delay and no loss

  def __init__(self, why):
    """`why` it is not Namespaces."""
    self.description = 'loopback (%s)' % why

  def add(self, number):
    del number  # unused
    return Place([], '127.0.0.1:%d' % free_port(), '127.0.0.1:%d' % free_port())

  def close(self):
    pass


class Place:
  """Where a server runs: a command that goes before its own, its addresses."""

  def __init__(self, prefix, api, peers):
    self.prefix, self.api, self.peers = prefix, api, peers


def _run(*command):
  subprocess.run(command, check=True, capture_output=True)


class Namespaces:
  """A network name space a server, in that of this program, which must be its
  own (see namespaces.py): nothing of it is seen elsewhere, nor left behind.

  The links are veth pairs on a bridge. With `delay` (seconds, at most) or
  `loss` (a part of 1) netem spoils them; where the kernel has none, or
  `use_relay`, they are TUN devices instead, whose packets a relay of ours hands
  on, late or never.
  """

  can_cut = True
  _BRIDGE = 'jaco'

  def __init__(self, delay=0.0, loss=0.0, use_relay=False):
    self._delay, self._loss = delay, loss
    self.unspoilt = ''
    self._holders = {}  # by number
    self._relay = None
    self.description = 'name spaces, veth pairs on a bridge'
    _run('ip', 'link', 'set', 'lo', 'up')
    _run('ip', 'link', 'add', self._BRIDGE, 'type', 'bridge')
    _run('ip', 'link', 'set', self._BRIDGE, 'up')
    if delay or loss:
      self._spoil(use_relay)

  def _spoil(self, use_relay):
    text = '%.0f ms delay, %.1f%% loss' % (1000 * self._delay, 100 * self._loss)
    if not use_relay and self._has_netem():
      self.description += ', netem: ' + text
    elif relay.is_permitted():
      self._relay = relay.Relay(self._delay, self._loss)
      self.description = 'name spaces, TUN devices, our relay: ' + text
    else:
      self._delay = self._loss = 0
      self.unspoilt = 'TUN devices are not permitted here' + (
          '' if use_relay else ', and the kernel has no netem')

  def _has_netem(self):
    # Nobody sends through the bridge itself: it may stay there.
    return subprocess.run(
        ['tc', 'qdisc', 'add', 'dev', self._BRIDGE, 'root', 'netem', 'delay',
         '1ms'], capture_output=True, check=False).returncode == 0

  @staticmethod
  def address(number):
    return str(ipaddress.ip_address('10.77.0.0') + number)

  def add(self, number):
    # Ends with us, whatever ends us: its input is a pipe from here.
    holder = subprocess.Popen(['unshare', '--net', 'cat'],
                              stdin=subprocess.PIPE)
    own = os.stat('/proc/self/ns/net').st_ino
    while os.stat('/proc/%d/ns/net' % holder.pid).st_ino == own:
      time.sleep(0.001)
    self._holders[number] = holder
    outside, inside = 'jaco%d' % number, 'eth0'
    if self._relay:
      self._relay.add(self.address(number), inside)
      _run('ip', 'link', 'set', inside, 'netns', str(holder.pid))
    else:
      _run('ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside,
           'netns', str(holder.pid))
      _run('ip', 'link', 'set', outside, 'master', self._BRIDGE, 'up')
    self._within(number, 'ip', 'link', 'set', 'lo', 'up')
    self._within(number, 'ip', 'addr', 'add', self.address(number) + '/24',
                 'dev', inside)
    self._within(number, 'ip', 'link', 'set', inside, 'up')
    if not self._relay and (self._delay or self._loss):
      self._within(number, 'tc', 'qdisc', 'add', 'dev', inside, 'root', 'netem',
                   'delay', '%dms' % (500 * self._delay),
                   '%dms' % (500 * self._delay), 'loss',
                   '%.3f%%' % (100 * self._loss))
    return Place(self._prefix(number), self.address(number) + ':7000',
                 self.address(number) + ':7001')

  def _prefix(self, number):
    return ['nsenter', '--net=/proc/%d/ns/net' % self._holders[number].pid]

  def _within(self, number, *command):
    _run(*self._prefix(number), *command)

  def isolate(self, number):
    """Takes the link away: connections hang, nothing is refused."""
    if self._relay:
      self._relay.isolate(self.address(number))
    else:
      _run('ip', 'link', 'set', 'jaco%d' % number, 'down')

  def reconnect(self, number):
    if self._relay:
      self._relay.reconnect(self.address(number))
    else:
      _run('ip', 'link', 'set', 'jaco%d' % number, 'up')

  def cut(self, number, other):
    """Nothing goes from `number` to `other` any more."""
    self._within(number, 'ip', 'route', 'replace', 'blackhole',
                 self.address(other) + '/32')

  def mend(self, number, other):
    self._within(number, 'ip', 'route', 'del', 'blackhole',
                 self.address(other) + '/32')

  def close(self):
    for holder in self._holders.values():
      holder.stdin.close()
      holder.wait()
    if self._relay:
      self._relay.close()

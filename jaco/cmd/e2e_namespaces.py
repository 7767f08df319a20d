"""Name spaces of our own: where root, or a user whom the kernel lets, may mount
small disks and make networks that are gone with the program."""

import os
import subprocess
import sys

_VARIABLE = 'JACO_NAMESPACES'
_PROBES = {
    'mount': 'mount -t tmpfs -o size=1m none /mnt',
    'net': 'ip link set lo up && ip link add probe0 type veth peer name probe1'
           ' && ip link del probe0 && ip link add probe0 type bridge'
           ' && ip link del probe0',
}


def enter(*wanted):
  """Runs this program again where it may do what is `wanted` of 'mount' and
  'net', or as much of it as is permitted."""
  if _VARIABLE in os.environ:
    return
  for kinds in [wanted] + [(kind,) for kind in wanted if len(wanted) > 1]:
    spaces = ['--' + kind for kind in kinds]
    probe = ' && '.join(_PROBES[kind] for kind in kinds)
    for flags in (spaces, ['--user', '--map-root-user'] + spaces):
      try:
        permitted = subprocess.run(['unshare', *flags, 'sh', '-c', probe],
                                   capture_output=True, check=False)
      except OSError:
        continue
      if permitted.returncode == 0:
        os.environ[_VARIABLE] = ','.join(kinds)
        os.execvp('unshare', ['unshare', *flags, sys.executable] + sys.argv)
  os.environ[_VARIABLE] = ''


def have(kind):
  """Whether enter() got this; it must have been called."""
  return kind in os.environ[_VARIABLE].split(',')


class Skipped:
  """What could not be done here. Said at once, and again at the end."""

  def __init__(self):
    self._lines = []

  def add(self, what, why):
    line = 'SKIPPED: %s: %s' % (what, why)
    if line not in self._lines:
      self._lines.append(line)
      print('\n*** %s\n' % line, file=sys.stderr, flush=True)

  def repeat(self):
    for line in self._lines:
      print('*** ' + line, flush=True)

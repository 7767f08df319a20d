"""What the tools of this folder's users have in common: programs to run, and
where."""

import os
import signal
import sys

import e2e_namespaces as namespaces
from cluster import Cluster
from network import Loopback, Namespaces

_PROGRAMS = ('jacod', 'jaco', 'jaco-sim')


def add_arguments(parser, root):
  for program in _PROGRAMS:
    parser.add_argument('--' + program, metavar='PATH',
                        default=os.path.join(root, 'bazel-bin', 'jaco', 'cmd',
                                             program))
  parser.add_argument('--loopback', action='store_true',
                      help='no name spaces, even where they are permitted')
  parser.add_argument('--relay', action='store_true',
                      help='no netem, even where the kernel has it')


def prepare(options, *wanted):
  """Checks that the programs are there, and enters name spaces of our own (see
  e2e_namespaces)."""
  # So that what is to be done in the end is done.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
  namespaces.enter(*(kind for kind in wanted
                     if kind != 'net' or not options.loopback))
  for program in _PROGRAMS:
    path = os.path.abspath(getattr(options, program.replace('-', '_')))
    if not os.access(path, os.X_OK):
      sys.exit('%s is missing: bazel build //jaco/cmd:%s, or --%s PATH' %
               (path, program, program))


def make_cluster(options, skipped, disk_bytes=0, delay=0.0, loss=0.0):
  """A cluster without members, on the best network that can be had."""
  if options.loopback:
    network = Loopback('--loopback')
  elif namespaces.have('net'):
    network = Namespaces(delay, loss, options.relay)
  else:
    why = 'network name spaces are not permitted here'
    network = Loopback(why)
    skipped.add('a network of our own', why + '; the servers share loopback')
  if (delay or loss) and network.unspoilt:
    skipped.add('delay and loss', network.unspoilt)
  if disk_bytes and not namespaces.have('mount'):
    skipped.add('small disks', 'mounting is not permitted here')
    disk_bytes = 0
  return Cluster(options.jacod, options.jaco, network, disk_bytes)

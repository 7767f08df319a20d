#!/usr/bin/env python3
"""Four jacods whose certificate authority is replaced while they are written
to.

    e2e_rotation_test.py JACOD JACO
"""

import http.client
import os
import ssl
import sys
import time
import unittest

from e2e_host import Host, Writer, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])
# The longest time without a write: more than an election takes on a busy host.
PATIENCE = 10


class RotationTest(unittest.TestCase):

  def setUp(self):
    self.hosts = []
    for number in (1, 2, 3, 4):
      host = Host(JACOD, JACO, node_name='node-%d' % number)
      self.addCleanup(host.close)
      host.start()
      if number == 1:
        self.token = host.init()
      else:
        host.join(self.hosts[0])
      self.hosts.append(host)
    wait('three voters', self.has_three_voters)
    self.writer = Writer(self.hosts[:3])
    self.writer.start()
    self.addCleanup(self.writer.stop)

  def has_three_voters(self):
    return 3 == sum(
        node['suffrage'] == 'voter' for host in self.hosts
        for node in host.call('GET', '/v1/cluster/status')[1]['nodes'])

  def trusted(self, host):
    """The authorities that it trusts, as PEM."""
    with open(os.path.join(host.data, 'node', 'ca.crt')) as f:
      return f.read()

  def await_trusted(self, hosts, number):
    wait('%d authorities' % number, lambda: all(
        self.trusted(host).count('BEGIN CERT') == number for host in hosts), 20)

  def is_shown_by(self, host, authorities):
    """Whether its API shows a certificate of one of them."""
    context = ssl.create_default_context(cadata=authorities)
    name, port = host.api.split(':')
    connection = http.client.HTTPSConnection(name, int(port), context=context,
                                             timeout=20)
    try:
      connection.request('GET', '/v1/tokens',
                         headers={'Authorization': 'Bearer ' + self.token})
      return connection.getresponse().status == 200
    except ssl.SSLCertVerificationError:
      return False
    finally:
      connection.close()

  def rotate(self, through):
    said = through.command('cluster', 'rotate-ca')
    self.assertIn('  fingerprint: ', said)

  def refuse_to_retire(self, through, name):
    """Waits until `name` is the only one in the way."""
    wait('the others have renewed', lambda: 'node "%s"' % name in through.jaco(
        'cluster', 'retire-ca').stderr)

  def test_everybody_follows(self):
    up, late = self.hosts[:3], self.hosts[3]
    first = self.trusted(late)
    late.stop()
    self.rotate(up[1])
    self.await_trusted(up, 2)
    for host in up:  # With either, by way of the cross certificate.
      self.assertTrue(self.is_shown_by(host, first))
      self.assertIn(first, self.trusted(host))
    self.refuse_to_retire(up[2], late.name)
    # It has to come back first, and does so with what it has.
    late.start()
    self.await_trusted([late], 2)
    wait('all have renewed', lambda: up[2].jaco(
        'cluster', 'retire-ca').returncode == 0)
    self.await_trusted(self.hosts, 1)
    for host in self.hosts:
      now = self.trusted(host)
      self.assertNotEqual(now, first)
      self.assertTrue(self.is_shown_by(host, now))
    self.assertEqual(late.issue('late')[0], 200)
    self.stop_writing()

  def test_who_is_left_behind_has_to_join_anew(self):
    up, late = self.hosts[:3], self.hosts[3]
    late.stop()
    self.rotate(up[0])
    self.refuse_to_retire(up[0], late.name)
    up[0].command('cluster', 'retire-ca', '--force')
    self.await_trusted(up, 1)
    late.start()
    wait('it is refused', lambda: any(
        'self-signed certificate' in host.read_log() or
        'unable to get local issuer' in host.read_log() for host in up))
    self.assertNotEqual(late.issue('late')[0], 200)
    up[0].command('node', 'remove', late.name)
    late.stop()
    os.rename(late.data, late.data + '-old')
    late.start()
    self.assertEqual(late.join(up[1]), 'Joined cluster.\n')
    wait('it is in', lambda: late.issue('in-%d' % time.monotonic_ns())[0] == 200)
    self.await_trusted(self.hosts, 1)
    self.stop_writing()

  def stop_writing(self):
    self.writer.stop()
    print('longest time without a write: %.2f s of %d' % (
        self.writer.longest, len(self.writer.written)), file=sys.stderr)
    self.assertLess(self.writer.longest, PATIENCE)
    for host in self.hosts:
      self.assertLessEqual(set(self.writer.written), host.identities())


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)

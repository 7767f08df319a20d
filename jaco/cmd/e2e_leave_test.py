#!/usr/bin/env python3
"""jacods that leave their cluster, of their own accord or not.

    e2e_leave_test.py JACOD JACO
"""

import concurrent.futures
import functools
import http.client
import os
import signal
import ssl
import sys
import time
import unittest

import e2e_host
from e2e_host import Host

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])

wait = functools.partial(e2e_host.wait, seconds=180)


class LeaveTest(unittest.TestCase):

  def host(self, number, **settings):
    host = Host(JACOD, JACO, node_name='node-%d' % number, **settings)
    self.addCleanup(host.close)
    host.start()
    return host

  def join(self, host, member):
    self.assertEqual(host.join(member), 'Joined cluster.\n')

  def cluster(self, **settings):
    first = self.host(1, **settings)
    self.operator = first.init()
    hosts = [first]
    for number in (2, 3):
      hosts.append(self.host(number, **settings))
      self.join(hosts[-1], first)
    self.await_voters(hosts, 3)
    return hosts

  def status(self, host):
    return host.call('GET', '/v1/cluster/status')[1]

  def leader(self, hosts):
    for host in hosts:
      suffrages = [n['suffrage'] for n in self.status(host)['nodes']]
      if 'voter' in suffrages:
        return host
    return None

  def await_voters(self, hosts, voters):
    def done():
      leader = self.leader(hosts)
      return leader and voters == sum(
          n['suffrage'] == 'voter' for n in self.status(leader)['nodes'])
    wait('%d voters' % voters, done)

  def names(self, host):
    return [node['hostname'] for node in self.status(host)['nodes']]

  def remove(self, asked, host, *flags):
    removed = asked.jaco('node', 'remove', host.name, *flags)
    self.assertEqual(removed.returncode, 0, removed.stderr)
    self.assertEqual(removed.stdout, 'Removed node %s\n' % host.name)

  def await_removed(self, host):
    wait('%s knows that it was removed' % host.name,
         lambda: self.status(host)['lifecycle'] == 'removed')
    self.assertTrue(
        host.jaco('cluster', 'status').stdout.startswith(
            'Status:     removed\n'))
    refused = host.jaco('token', 'issue', '--name', 'late')
    self.assertEqual(refused.returncode, 1)
    self.assertIn('Error: not_a_member: ', refused.stderr)

  def test_a_follower_goes_and_comes_again(self):
    hosts = self.cluster()
    leader = self.leader(hosts)
    asked, gone = [h for h in hosts if h is not leader]
    self.remove(asked, gone)
    self.assertNotIn(gone.name, self.names(asked))
    self.await_removed(gone)
    again = asked.jaco('node', 'remove', gone.name)
    self.assertIn('Error: node_not_found: ', again.stderr)
    self.await_voters([leader], 1)
    gone.stop()
    gone.start()
    self.await_removed(gone)
    self.join(gone, asked)
    self.await_voters([leader], 3)
    self.assertEqual(gone.issue('back')[0], 200)
    self.assertTrue(os.path.isdir(os.path.join(gone.data, 'former', 'raft')))

  def test_the_leader_and_the_last(self):
    hosts = self.cluster()
    leader = self.leader(hosts)
    left = [h for h in hosts if h is not leader]
    self.remove(leader, leader)
    self.await_removed(leader)
    self.assertEqual(self.names(left[0]), [h.name for h in left])
    second = self.leader(left)
    left.remove(second)
    # The other does not vote: it takes over.
    wait('it is settled',
         lambda: left[0].jaco('node', 'remove', second.name).returncode
              == 0)
    self.await_removed(second)
    last = left[0]
    wait('a vote', lambda: self.leader(left) is last)
    refused = last.jaco('node', 'remove', last.name)
    self.assertIn('Error: conflict: ', refused.stderr)
    self.assertEqual(last.issue('alone')[0], 200)

  def test_a_dead_server_that_comes_back(self):
    hosts = self.cluster()
    leader = self.leader(hosts)
    dead, other = [h for h in hosts if h is not leader]
    dead.stop(signal.SIGKILL)
    self.assertEqual(
        other.jaco('server', 'force-leave', dead.name).returncode, 0)
    self.assertNotIn(dead.name, self.names(other))
    # Nobody is left who has seen it leave, and its certificate is as good as
    # ever.
    for host in (leader, other):
      host.stop()
      host.start()
    dead.start()
    self.await_removed(dead)
    wait('somebody says why it is not heard',
         lambda: 'was removed from the cluster' in
                 leader.read_log() + other.read_log())
    self.assertEqual(other.issue('after')[0], 200)
    nobody = other.jaco('server', 'force-leave', 'node-9')
    self.assertEqual((nobody.returncode, nobody.stdout), (0, ''))

  def test_leave_on_terminate(self):
    hosts = self.cluster(leave_on_terminate='true')
    leader = self.leader(hosts)
    left = [h for h in hosts if h is not leader]
    self.assertEqual(leader.stop(), 0)
    self.assertIn('left the cluster', leader.read_log())
    wait('it is gone', lambda: all(
        self.names(h) == [h.name for h in left] for h in left))
    wait('a leader', lambda: self.leader(left))
    leader.start()
    self.await_removed(leader)

  def test_who_leaves_waits_for_a_leader(self):
    hosts = self.cluster(leave_on_terminate='true')
    for host in hosts[1:]:
      host.kill()
    wait('the quorum is called lost',
         lambda: hosts[0].issue('x')[1].get('code') == 'quorum_lost')
    begun = time.monotonic()
    self.assertEqual(hosts[0].stop(), 0)
    self.assertGreater(time.monotonic() - begun, 8)
    self.assertIn('did not leave the cluster', hosts[0].read_log())

  def request(self, host, method, target):
    """The status over TLS."""
    context = ssl.create_default_context(
        cafile=os.path.join(host.data, 'node', 'ca.crt'))
    name, port = host.api.split(':')
    connection = http.client.HTTPSConnection(name, int(port), context=context,
                                             timeout=20)
    connection.request(method, target,
                       headers={'Authorization': 'Bearer ' + self.token})
    status = connection.getresponse().status
    connection.close()
    return status

  def test_a_revoked_token_is_refused_everywhere(self):
    hosts = self.cluster()
    for round_ in range(9):  # More bad tokens are not even looked at.
      name = 'ops-%d' % round_
      self.token = hosts[0].issue(name)[1]['token']
      for host in hosts:
        self.assertEqual(self.request(host, 'GET', '/v1/tokens'), 200)
        self.assertEqual(self.request(host, 'GET', '/v1/cluster/status'), 200)
      # At once, wherever it was revoked and wherever it is shown.
      self.assertEqual(
          hosts[round_ % 3].call('DELETE', '/v1/token/' + name)[0], 200)
      with concurrent.futures.ThreadPoolExecutor() as all_at_once:
        self.assertEqual(
            list(all_at_once.map(
                lambda host: self.request(host, 'GET', '/v1/tokens'), hosts)),
            [401] * 3)
    self.token = self.operator
    self.assertEqual(self.request(hosts[1], 'DELETE', '/v1/node/node-9'), 404)
    self.assertEqual(
        self.request(hosts[1], 'DELETE', '/v1/node/node-9?force=maybe'), 400)
    self.assertEqual(
        self.request(hosts[1], 'DELETE', '/v1/node/node-3?force=true'), 200)

  def test_a_server_alone_tells_bearers_how_it_is(self):
    hosts = self.cluster()
    self.token = self.operator
    for host in hosts[1:]:
      host.kill()
    wait('there is no leader',
         lambda: self.request(hosts[0], 'GET', '/v1/tokens') == 503)
    for target in ('/v1/cluster/status', '/v1/health', '/v1/agent/self',
                   '/v1/operator/raft/configuration?stale'):
      self.assertEqual(self.request(hosts[0], 'GET', target), 200, target)
    self.token = '0' * 64
    self.assertEqual(self.request(hosts[0], 'GET', '/v1/cluster/status'), 503)


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:])

#!/usr/bin/env python3
"""Three jacods under an operator's hands, by command line and as Nomad's
clients would speak to them.

    e2e_operator_test.py JACOD JACO
"""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import unittest

from e2e_host import Host, UnixConnection, agreed_leader, free_port, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


class Cluster(unittest.TestCase):

  def host(self, number):
    host = Host(JACOD, JACO, node_name='node-%d' % number)
    self.addCleanup(host.close)
    host.start()
    return host

  def three(self):
    hosts = [self.host(1)]
    self.operator_token = hosts[0].init()
    for number in (2, 3):
      host = self.host(number)
      host.join(hosts[0])
      hosts.append(host)
    wait('three voters', lambda: [
        peer['Voter'] for peer in self.peers(hosts[0])] == [True] * 3)
    return hosts

  def peers(self, host):
    status, answer = self.raw(host, 'GET', '/v1/operator/raft/configuration')
    return json.loads(answer)['Servers'] if status == 200 else []

  def raw(self, host, method, target, body=None):
    """As a client of Nomad does: it takes any type of answer."""
    connection = UnixConnection(host.socket)
    try:
      connection.request(method, target, body)
      response = connection.getresponse()
      return response.status, response.read().decode()
    finally:
      connection.close()


class OperatorTest(Cluster):

  def test_raft_and_autopilot(self):
    hosts = self.three()
    leader = agreed_leader(hosts)
    followers = [h for h in hosts if h is not leader]
    listed = followers[0].command('operator', 'raft', 'list-peers')
    lines = [line.split() for line in listed.splitlines()]
    self.assertEqual(lines[0],
                     ['Node', 'ID', 'Address', 'State', 'Voter',
                      'RaftProtocol'])
    self.assertEqual([line[0] for line in lines[1:]],
                     ['node-%d.global' % n for n in (1, 2, 3)])
    peers = json.loads(followers[1].command('operator', 'raft',
                                   'list-peers', '-o', 'json'))['Servers']
    self.assertEqual([p['Address'] for p in peers if p['Leader']],
                     [leader.settings['cluster_addr']])

    # Over TLS, with a token, from a follower.
    environment = dict(os.environ, JACO_TOKEN=self.operator_token)
    ca = os.path.join(leader.data, 'node', 'ca.crt')
    health = subprocess.run(
        [JACO, 'operator', 'autopilot', 'health', '-o', 'json', '--server',
         followers[0].api, '--ca-cert', ca],
        env=environment, capture_output=True, text=True)
    self.assertEqual(health.returncode, 0, health.stderr)
    self.assertEqual(json.loads(health.stdout)['FailureTolerance'], 1)
    name, port = followers[0].api.split(':')
    connection = http.client.HTTPSConnection(
        name, int(port), context=ssl.create_default_context(cafile=ca))
    connection.request('GET', '/v1/status/leader',
                       headers={'X-Nomad-Token': self.operator_token})
    self.assertEqual(json.loads(connection.getresponse().read()),
                     leader.settings['cluster_addr'])
    connection.close()

    # Leadership, through the one that is neither.
    target = followers[0].settings['cluster_addr']
    said = followers[1].command('operator', 'raft', 'transfer-leadership',
                       '--peer-address', target)
    self.assertEqual(
        said, 'Transferred leadership to peer with address "%s"\n' % target)
    self.assertIs(agreed_leader(hosts), followers[0])
    status, answer = self.raw(
        leader, 'PUT',
        '/v1/operator/raft/transfer-leadership?address=' + target)
    self.assertEqual((status, json.loads(answer)['Noop']), (200, True))
    self.assertEqual(
        self.raw(leader, 'PUT', '/v1/operator/raft/transfer-leadership'),
        (400, 'must specify id or address'))

    # Settings, by a follower.
    self.assertIn('MaxTrailingLogs = 250\n',
                  leader.command('operator', 'autopilot', 'get-config'))
    self.assertEqual(
        'Configuration updated!\n',
        leader.command('operator', 'autopilot', 'set-config',
                       '--max-trailing-logs', '300'))
    self.assertEqual(
        self.raw(leader, 'PUT',
                 '/v1/operator/autopilot/configuration?cas=1', '{}'),
        (200, 'false'))
    self.assertIn('MaxTrailingLogs = 300\n',
                  followers[1].command('operator', 'autopilot', 'get-config'))

    # Out goes the leader, asked through itself.
    leads = followers[0]
    status, answer = self.raw(
        leads, 'DELETE', '/v1/operator/raft/peer?address=' +
        leads.settings['cluster_addr'])
    self.assertEqual((status, answer), (200, ''))
    rest = [h for h in hosts if h is not leads]
    self.assertEqual(len(self.peers(agreed_leader(rest))), 2)

  def test_a_server_moves(self):
    hosts = self.three()
    for host in (hosts[2], agreed_leader(hosts)):
      host.stop(signal.SIGTERM)
      moved = '127.0.0.1:%d' % free_port()
      host.configure(cluster_addr=moved)
      host.start()
      wait('the configuration has it', lambda: moved in [
          peer['Address'] for peer in self.peers(hosts[0])])
      name = host.settings['node_name']
      for other in hosts:
        wait('everybody lists it there', lambda: [name, moved] in [
            line.split('\t')[:2]
            for line in other.jaco('node', 'list').stdout.splitlines()])
      wait('all are well', lambda: self.raw(
          hosts[0], 'GET', '/v1/operator/autopilot/health')[0] == 200)
    status = json.loads(hosts[1].command('cluster', 'status', '-o',
                                    'json'))
    levels = {node['feature_level'] for node in status['nodes']}
    self.assertEqual(levels, {status['feature_level']})
    for i, host in enumerate(hosts):
      host.command('token', 'issue', '--name', 'after-%d' % i)

  def test_patience_without_a_leader(self):
    hosts = self.three()
    leader = agreed_leader(hosts)
    followers = [h for h in hosts if h is not leader]
    followers[1].stop(signal.SIGKILL)
    leader.stop(signal.SIGKILL)
    wait('no leader is known', lambda: followers[0].call(
        'GET', '/v1/cluster/status')[1]['leader'] == '')
    write = subprocess.Popen(
        [JACO, 'token', 'issue', '--name', 'patient', '--socket',
         followers[0].socket],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    followers[1].start()
    out, err = write.communicate(timeout=30)
    self.assertEqual(err, 'no leader, retrying\n')
    self.assertTrue(out.startswith('Token for patient '), out)
    self.assertEqual(
        self.raw(followers[0], 'GET', '/v1/operator/raft/nothing')[0], 404)


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:])

#!/usr/bin/env python3
"""Redis' bootstrap API on real servers, as its scripts use it.

    e2e_bootstrap_api_test.py JACOD JACO
"""

import base64
import concurrent.futures
import http.client
import json
import os
import ssl
import subprocess
import sys
import unittest

from e2e_host import Host, free_port, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])

USER, PASSWORD = 'my_username', 'my_password'


def configuration(action, **others):
  """As in the documents."""
  return {
      'action': action,
      'cluster': {'nodes': [], 'name': 'my.cluster'},
      'node': {
          'paths': {
              'persistent_path': '/path/to/persistent/storage',
              'ephemeral_path': '/path/to/ephemeral/storage',
              'bigstore_path': '/path/to/bigredis/storage'
          },
          'identity': {
              'addr': '127.0.0.1',
              'external_addr': ['2001:0db8:85a3:0000:0000:8a2e:0370:7334',
                                '3.4.5.6']
          },
          'bigstore_driver': 'rocksdb'
      },
      'license': '----- LICENSE START -----\ndi+iK...KniI9\n',
      'credentials': {'username': USER, 'password': PASSWORD},
      'flash_enabled': False,
      **others
  }


def joining(member, **others):
  return configuration('join_cluster', cluster={'nodes': [member.api]},
                       **others)


class BootstrapApiTest(unittest.TestCase):

  def host(self, number, **settings):
    settings = {'remote_bootstrap': 'true', **settings}
    host = Host(JACOD, JACO, node_name='node-%d' % number, **settings)
    self.addCleanup(host.close)
    host.start()
    return host

  def call(self, host, method, target, body=None, user=None,
           content_type='application/json'):
    """The status and the body, over TLS as with `curl -k`."""
    context = ssl._create_unverified_context()
    name, port = host.api.split(':')
    connection = http.client.HTTPSConnection(name, int(port), context=context,
                                             timeout=30)
    headers = {'Accept': 'application/json'}
    if body is not None:
      headers['Content-Type'] = content_type
    if user:
      headers['Authorization'] = 'Basic ' + base64.b64encode(
          user.encode()).decode()
    connection.request(method, target,
                       json.dumps(body) if body is not None else None, headers)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text

  def post(self, host, path, body):
    return self.call(host, 'POST', '/v1/bootstrap/' + path, body)

  def status(self, host, user=None):
    status, text = self.call(host, 'GET', '/v1/bootstrap', user=user)
    return json.loads(text).get('bootstrap_status', {}) if status == 200 else {}

  def settle(self, host, user=USER + ':' + PASSWORD):
    """The end of what was begun, polled as scripts do."""
    wait('the end of it', lambda: self.status(host, user).get('state') in
         ('completed', 'error'))
    return self.status(host, user)

  def create(self, number=1):
    host = self.host(number)
    self.assertEqual(
        self.post(host, 'create_cluster', configuration('create_cluster')),
        (200, ''))
    self.assertEqual(self.settle(host)['state'], 'completed')
    return host

  def test_three_servers(self):
    first = self.host(1)
    status, text = self.call(first, 'GET', '/v1/bootstrap', user='any:thing')
    self.assertEqual(status, 200)
    answer = json.loads(text)
    self.assertEqual(answer['bootstrap_status']['state'], 'idle')
    info = answer['local_node_info']
    for field in ('uid', 'software_version', 'cores', 'os_version',
                  'total_memory', 'uptime', 'ephemeral_storage_path',
                  'ephemeral_storage_size', 'persistent_storage_path',
                  'persistent_storage_size', 'available_addrs'):
      self.assertIn(field, info)
    self.assertIn(
        {'address': '127.0.0.1', 'format': 'ipv4', 'if_name': 'lo',
         'private': True}, info['available_addrs'])
    self.assertGreater(info['persistent_storage_size'], 0)
    self.assertEqual(self.call(first, 'GET', '/v1/boostrap')[0], 200)
    self.assertEqual(self.call(first, 'HEAD', '/v1/bootstrap'), (200, ''))
    # Everything else there is not yet.
    self.assertEqual(self.call(first, 'GET', '/v1/cluster/status')[0], 503)

    request = configuration('create_cluster')
    self.assertEqual(self.post(first, 'validate/create_cluster', request),
                     (200, ''))
    self.assertEqual(self.status(first)['state'], 'idle')
    self.assertEqual(self.post(first, 'create_cluster', request), (200, ''))
    self.assertEqual(self.post(first, 'create_cluster', request)[0], 409)
    completed = self.settle(first)
    self.assertEqual(completed['state'], 'completed')
    self.assertRegex(completed['start_time'],
                     r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$')
    self.assertLessEqual(completed['start_time'], completed['end_time'])
    self.assertEqual(self.call(first, 'GET', '/v1/bootstrap')[0], 401)
    self.assertEqual(
        self.call(first, 'GET', '/v1/bootstrap', user=USER + ':guess')[0], 401)

    hosts = [first]
    for number in (2, 3):
      host = self.host(number)
      self.assertEqual(
          self.post(host, 'validate/join_cluster', joining(hosts[-1])),
          (200, ''))
      self.assertEqual(self.post(host, 'join_cluster', joining(hosts[-1])),
                       (200, ''))
      self.assertEqual(self.settle(host)['state'], 'completed')
      hosts.append(host)
    good = USER + ':' + PASSWORD
    for host in hosts:
      wait('three active nodes', lambda: sum(
          node['status'] == 'active' and node['addr'] == '127.0.0.1'
          for node in json.loads(
              self.call(host, 'GET', '/v1/nodes', user=good)[1])) == 3)
    uids = {node['uid'] for node in json.loads(
        self.call(first, 'GET', '/v1/nodes', user=good)[1])}
    self.assertEqual(len(uids), 3)
    # As good as a bearer's token.
    self.assertEqual(
        self.call(hosts[2], 'POST', '/v1/token', {'identity': 'x'}, good)[0],
        200)
    hosts[2].kill()
    hosts[2].start()
    wait('completed again',
         lambda: self.status(hosts[2], good).get('state') == 'completed')
    # Passwords change everywhere at once.
    self.assertEqual(
        self.call(first, 'PUT', '/v1/user/' + USER, {'password': 'other'},
                  good)[0], 200)
    for host in hosts:
      self.assertEqual(self.call(host, 'GET', '/v1/nodes', user=good)[0], 401)
      self.assertEqual(
          self.call(host, 'GET', '/v1/nodes', user=USER + ':other')[0], 200)

  def test_what_is_refused(self):
    member = self.create()
    host = self.host(2)

    def details(path, body):
      status, text = self.post(host, path, body)
      self.assertEqual(status, 406, text)
      answer = json.loads(text)
      self.assertEqual(answer['state'], 'error')
      self.assertIn('message', answer['error_details'])
      return answer['error_code']

    wrong = joining(member, credentials={'username': USER, 'password': 'no'})
    nobody = configuration('join_cluster', cluster={
        'nodes': ['127.0.0.1:%d' % free_port()]})
    elsewhere = joining(member, node={'identity': {'addr': '10.9.8.7'}})
    for body, code in ((wrong, 'access_denied'), (nobody, 'connect_error'),
                       (elsewhere, 'node_config_mismatch'),
                       (configuration('join_cluster'), 'config_error')):
      self.assertEqual(details('validate/join_cluster', body), code)
    self.assertEqual(self.status(host)['state'], 'idle')
    for body, code in ((wrong, 'access_denied'), (nobody, 'connect_error')):
      self.assertEqual(self.post(host, 'join_cluster', body), (200, ''))
      self.assertEqual(self.settle(host)['error_code'], code)
    for path, body in (('create_cluster', configuration('join_cluster')),
                       ('create_cluster', {}),
                       ('create_cluster', {'cluster': 7}),
                       ('join_cluster', configuration('join_cluster'))):
      status, text = self.post(host, path, body)
      self.assertEqual(status, 400, text)
      self.assertEqual(json.loads(text)['error_code'], 'config_error')
    self.assertEqual(self.post(host, 'destroy_cluster', {})[0], 404)
    self.assertEqual(self.call(host, 'GET', '/v1/bootstrap/join_cluster')[0],
                     405)
    self.assertEqual(
        self.call(host, 'POST', '/v1/bootstrap/join_cluster', joining(member),
                  content_type='text/plain')[0], 415)
    # After all that.
    self.assertEqual(self.post(host, 'join_cluster', joining(member)),
                     (200, ''))
    self.assertEqual(self.settle(host)['state'], 'completed')

  def test_who_guesses_has_to_wait(self):
    member = self.create()
    def guess(number):
      return self.call(member, 'GET', '/v1/nodes',
                       user='%s:%d' % (USER, number))[0]

    with concurrent.futures.ThreadPoolExecutor(30) as pool:
      statuses = set(pool.map(guess, range(60)))
    self.assertEqual(statuses, {401, 429})
    # Those on the host are not affected.
    self.assertEqual(member.call('GET', '/v1/nodes')[0], 200)

  def test_only_from_the_host_unless_it_says_so(self):
    host = self.host(1, remote_bootstrap='false')
    status, text = self.post(host, 'create_cluster',
                             configuration('create_cluster'))
    self.assertEqual(status, 403)
    self.assertIn('remote_bootstrap', text)
    self.assertEqual(self.call(host, 'GET', '/v1/bootstrap')[0], 200)

  def jaco(self, host, *arguments, **variables):
    return subprocess.run([JACO, *arguments, '--socket', host.socket],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, **variables})

  def test_the_command_line(self):
    first, second = (self.host(n, remote_bootstrap='false') for n in (1, 2))
    password = os.path.join(first.root, 'password')
    with open(password, 'w') as f:
      f.write(PASSWORD + '\n')
    self.assertIn('idle', first.command('bootstrap', 'status'))
    created = self.jaco(first, 'bootstrap', 'create', '--username', USER,
                        '--password-file', password)
    self.assertEqual(created.stdout, 'Cluster created.\n', created.stderr)
    refused = self.jaco(second, 'bootstrap', 'join', first.api, '--username',
                        USER, JACO_PASSWORD='no')
    self.assertEqual(refused.returncode, 1)
    self.assertIn('Error: access_denied: ', refused.stderr)
    joined = self.jaco(second, 'bootstrap', 'join', first.api, '--username',
                       USER, JACO_PASSWORD=PASSWORD)
    self.assertEqual(joined.stdout, 'Joined cluster.\n', joined.stderr)
    status = json.loads(second.command('bootstrap', 'status', '-o', 'json'))
    self.assertEqual(status['bootstrap_status']['state'], 'completed')
    self.assertEqual(second.command('user', 'list'), USER + '\n')
    changed = self.jaco(second, 'user', 'set-password', USER,
                        JACO_PASSWORD='other')
    self.assertEqual(changed.returncode, 0, changed.stderr)
    self.assertEqual(
        self.call(first, 'GET', '/v1/nodes', user=USER + ':other')[0], 200)
    second.command('user', 'remove', USER)
    self.assertEqual(
        self.call(first, 'GET', '/v1/nodes', user=USER + ':other')[0], 401)

  def remote_jaco(self, host, *arguments, **variables):
    """With what there is to know of a server without a cluster."""
    certificate = os.path.join(host.data, 'provisional.crt')
    return subprocess.run([JACO, *arguments, '--server', 'https://' + host.api,
                           '--ca-cert', certificate],
                          capture_output=True, text=True, timeout=60,
                          env={**os.environ, **variables})

  def test_the_command_line_from_elsewhere(self):
    first, second = (self.host(n) for n in (1, 2))
    created = self.remote_jaco(first, 'bootstrap', 'create', '--username', USER,
                               JACO_PASSWORD=PASSWORD)
    self.assertEqual((created.returncode, created.stdout),
                     (0, 'Cluster created.\n'), created.stderr)
    refused = self.remote_jaco(second, 'bootstrap', 'join', first.api,
                               '--username', USER, JACO_PASSWORD='no')
    self.assertEqual(refused.returncode, 1)
    self.assertIn('Error: access_denied: ', refused.stderr)
    joined = self.remote_jaco(second, 'bootstrap', 'join', first.api,
                              '--username', USER, JACO_PASSWORD=PASSWORD)
    self.assertEqual((joined.returncode, joined.stdout),
                     (0, 'Joined cluster.\n'), joined.stderr)

  def test_a_cluster_comes_back(self):
    member = self.create()
    backup = os.path.join(member.root, 'backup')
    made = self.jaco(member, 'backup', '--output', backup,
                     JACO_BACKUP_PASSPHRASE='sesame')
    self.assertEqual(made.returncode, 0, made.stderr)
    member.kill()
    host = self.host(2)
    request = {'recovery_filename': backup + '-', 'passphrase': 'sesame'}
    self.assertEqual(self.post(host, 'recover_cluster', request), (200, ''))
    self.assertEqual(self.settle(host)['error_code'], 'path_error')
    guessed = self.jaco(host, 'bootstrap', 'recover', backup,
                        JACO_BACKUP_PASSPHRASE='guess')
    self.assertIn('Error: access_denied: ', guessed.stderr)
    done = self.jaco(host, 'bootstrap', 'recover', backup,
                     JACO_BACKUP_PASSPHRASE='sesame')
    self.assertEqual(done.stdout, 'Cluster restored.\n', done.stderr)
    nodes = json.loads(self.call(host, 'GET', '/v1/nodes',
                                 user=USER + ':' + PASSWORD)[1])
    self.assertEqual([node['hostname'] for node in nodes], ['node-2'])


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1] + sys.argv[3:])

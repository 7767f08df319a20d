#!/usr/bin/env python3
"""jacod towards a hostile network: certificates, tokens, strangers.

    e2e_security_test.py JACOD JACO
"""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import unittest

from e2e_host import Host, free_port, open_private, wait

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


class SecurityTest(unittest.TestCase):

  def host(self, **settings):
    self.api = free_port()
    host = Host(JACOD, JACO, listen_addr='127.0.0.1:%d' % self.api, **settings)
    self.addCleanup(host.close)
    return host

  def member(self, **settings):
    host = self.host(**settings)
    host.start()
    self.token = host.init()
    self.ca = os.path.join(host.data, 'node', 'ca.crt')
    return host

  def context(self):
    return ssl.create_default_context(cafile=self.ca)

  def get(self, token, target='/v1/tokens', **headers):
    if token:
      headers['Authorization'] = 'Bearer ' + token
    connection = http.client.HTTPSConnection('127.0.0.1', self.api,
                                             context=self.context(), timeout=20)
    try:
      connection.request('GET', target, headers=headers)
      response = connection.getresponse()
      return response, json.loads(response.read())
    finally:
      connection.close()

  def get_new_token(self, host):
    return host.issue('curl')[1]['token']

  def certificate(self):
    with socket.create_connection(('127.0.0.1', self.api), timeout=20) as raw:
      with self.context().wrap_socket(raw, server_hostname='127.0.0.1') as s:
        self.assertEqual(s.version(), 'TLSv1.3')
        return s.getpeercert()

  def jaco(self, *arguments, **environment):
    return subprocess.run([JACO, *arguments], capture_output=True, text=True,
                          timeout=60, env={**os.environ, **environment})

  def test_the_api_over_tls(self):
    host = self.member()
    response, answer = self.get(self.token)
    self.assertEqual((response.status, len(answer['tokens'])), (200, 1))
    for token, code in ((None, 'token_invalid'), ('0' * 64, 'token_invalid')):
      response, answer = self.get(token)
      self.assertEqual((response.status, answer['code']), (401, code))
    response, _ = self.get(None, **{'X-Nomad-Token': self.token})
    self.assertEqual(response.status, 200)
    host.jaco('token', 'revoke', 'bootstrap')
    response, answer = self.get(self.token)
    self.assertEqual((response.status, answer['code']), (401, 'token_revoked'))
    if shutil.which('curl'):
      url = 'https://127.0.0.1:%d/v1/health' % self.api
      token = self.get_new_token(host)
      for ca, code in ((self.ca, 0), ('/dev/null', 77), (None, 60)):
        curl = subprocess.run(
            ['curl', '-sS', '-H', 'Authorization: Bearer ' + token, url] +
            (['--cacert', ca] if ca else []), capture_output=True, text=True)
        self.assertEqual(curl.returncode, code, curl.stderr)
    subject = dict(self.certificate()['subjectAltName'])
    self.assertRegex(subject['URI'], r'^spiffe://[0-9a-f-]{36}/node/\d+/node-1$')

  def test_the_command_line_over_tls(self):
    host = self.member()
    server = 'https://127.0.0.1:%d' % self.api
    token_file = os.path.join(host.root, 'token')
    with open(token_file, 'w') as f:
      f.write(self.token + '\n')
    listed = self.jaco('token', 'list', '--server', server, '--ca-cert',
                       self.ca, '--token-file', token_file)
    self.assertIn('bootstrap', listed.stdout, listed.stderr)
    listed = self.jaco('token', 'list', '--server', server,
                       JACO_TOKEN=self.token, JACO_CA_CERT=self.ca)
    self.assertIn('bootstrap', listed.stdout, listed.stderr)
    issued = self.jaco('node', 'issue-join-token', '--server', server,
                       JACO_TOKEN=self.token, JACO_CA_CERT=self.ca)
    self.assertIn('jaco node join --peer=127.0.0.1:%d --token=' % self.api,
                  issued.stdout, issued.stderr)
    init = self.jaco('cluster', 'init', '--server', server,
                     JACO_TOKEN=self.token, JACO_CA_CERT=self.ca)
    self.assertIn('Error: permission_denied: ', init.stderr)
    other = self.member()
    untrusted = self.jaco('token', 'list', '--server', server,
                          JACO_TOKEN=self.token, JACO_CA_CERT=self.ca)
    self.assertIn('Error: peer_untrusted: ', untrusted.stderr)
    del other
    for arguments, said in (
        ((), '--token-file or JACO_TOKEN'),
        (('--token-file', '/no/such'), 'Error: not_found: open /no/such: '),
        (('--token', 'secret'), 'no secret; use --token-file'),
        (('--token-file', token_file, '--ca-cert', '/no/such'),
         'ca cert not found at /no/such — pass --ca-cert'),
    ):
      refused = self.jaco('token', 'list', '--server', server, *arguments)
      self.assertEqual(refused.returncode, 1)
      self.assertIn(said, refused.stderr)
    refused = self.jaco('token', 'list', '--server', 'http://10.0.0.1:1',
                        JACO_TOKEN='x')
    self.assertIn('plain http', refused.stderr)

  def test_files_are_private_and_secrets_are_nowhere(self):
    key = 'correct-horse-battery-staple'
    verbose = {'log_level': 'debug', 'bootstrap_key': key}
    host = self.host(**verbose)
    host.start()
    self.token = host.init()
    self.ca = os.path.join(host.data, 'node', 'ca.crt')
    self.get('5' * 64)
    # One server joins by a token, one by the key.
    invited, guest = [
        Host(JACOD, JACO, node_name=name, **verbose, **more) for name, more in
        (('invited', {}), ('guest', {'retry_join': '[%s]' % host.api}))
    ]
    join_token = host.new_join_token()
    for other in (invited, guest):
      self.addCleanup(other.close)
      other.start()
    said = invited.command('node', 'join', '--peer', host.api, '--token',
                           join_token)
    self.assertEqual(said, 'Joined cluster.\n')
    wait('the guest is a member',
         lambda: guest.call('GET', '/v1/health')[1]['lifecycle'] == 'member')
    self.assertIn(' debug ', host.read_log())
    # It may have to ask again until it has heard from the leader.
    for other in (invited, guest):
      wait('the join is over', lambda: not os.path.exists(
          os.path.join(other.data, 'node', 'joining')))
    secrets = [self.token, '5' * 64, 'PRIVATE KEY', key,
               join_token, join_token.split('.')[0]]
    for server in (host, invited, guest):
      self.check_files(server, secrets)

  def check_files(self, host, secrets):
    self.assertEqual(stat.S_IMODE(os.stat(host.data).st_mode), 0o700)
    self.assertEqual(stat.S_IMODE(os.stat(host.socket).st_mode), 0o660)
    host.stop()
    files = [os.path.join(d, f) for d, _, fs in os.walk(host.data) for f in fs]
    for path in files + [os.path.join(host.root, 'log')]:
      if path.startswith(host.data):
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode) & 0o077, 0, path)
      with open(path, 'rb') as f:
        content = f.read()
      for secret in secrets:
        self.assertNotIn(secret.encode(), content, path)

  def test_strangers_keep_nobody_out(self):
    host = self.member()
    peers = int(host.settings['cluster_addr'].split(':')[1])
    crowd = []
    self.addCleanup(lambda: [s.close() for s in crowd])
    for port in (self.api, peers):
      for i in range(400):
        crowd.append(socket.create_connection(('127.0.0.1', port), timeout=20))
        crowd[-1].sendall((b'', b'\x16\x03\x01', b'GET / HTTP/1.1\r\n\r\n',
                           b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
                           os.urandom(100))[i % 5])
    begun = time.monotonic()
    response, _ = self.get(self.token)
    self.assertEqual(response.status, 200)
    self.assertLess(time.monotonic() - begun, 5)
    self.assertEqual(host.call('GET', '/v1/tokens')[0], 200)
    self.assertLess(len(host.read_log().splitlines()), 50)

  def test_bad_tokens_are_limited(self):
    host = self.member()
    statuses = [self.get('%064d' % i)[0].status for i in range(40)]
    self.assertIn(429, statuses)
    response, answer = self.get('0' * 64)
    self.assertEqual((response.status, answer['code']), (429, 'rate_limited'))
    self.assertGreaterEqual(int(response.headers['Retry-After']), 1)
    self.assertEqual(host.call('GET', '/v1/tokens')[0], 200)
    time.sleep(1.2)
    self.assertEqual(self.get(self.token)[0].status, 200)

  def test_restart_reload_and_renewal(self):
    host = self.member()
    before = self.certificate()
    self.reload(host, ' reloaded')
    self.assertEqual(self.certificate(), before)
    host.stop(signal.SIGKILL)
    host.start()
    self.assertEqual(self.certificate(), before)
    # Another listener, another name in the certificate.
    host.stop()
    port = free_port()
    plain = free_port()
    host.configure(api_listeners='[https://127.0.0.3:%d, http://127.0.0.1:%d]' %
                   (port, plain))
    host.start()
    self.wait_for_log(host, 'new credentials are in force')
    self.assertIn(('IP Address', '127.0.0.3'),
                  self.certificate()['subjectAltName'])
    connection = http.client.HTTPConnection('127.0.0.1', plain, timeout=20)
    connection.request('GET', '/v1/tokens',
                       headers={'Authorization': 'Bearer ' + self.token})
    self.assertIn(connection.getresponse().status, (200, 503))
    connection.close()

  def reload(self, host, said):
    """SIGHUP, and what the log has to say of it."""
    lines = len(host.read_log().splitlines())
    host.process.send_signal(signal.SIGHUP)
    wait(said, lambda: any(
        said in line for line in host.read_log().splitlines()[lines:]))

  def test_reload_of_what_has_changed(self):
    host = self.member()
    path = os.path.join(host.data, 'node', 'secrets')
    with open(path, 'rb') as f:
      old = f.read()
    earlier = self.certificate()
    # Another name and back: two renewals.
    port = free_port()
    for listeners in ('[https://127.0.0.3:%d]' % port, None):
      host.stop()
      host.configure(api_listeners=listeners)
      lines = len(host.read_log())
      host.start()
      wait('a renewal', lambda: 'new credentials are in force' in
           host.read_log()[lines:])
    current = self.certificate()
    self.assertNotEqual(current, earlier)
    # A bad file changes nothing, whichever it is.
    host.configure(log_level='debug')
    with open(path, 'rb') as f:
      new = f.read()
    with open(path, 'wb') as f:
      f.write(old[:-1])
    self.reload(host, 'not reloaded: ')
    with open(path, 'wb') as f:
      f.write(old)
    host.configure(log_level='loud')
    self.reload(host, 'not reloaded: ')
    self.assertEqual(self.certificate(), current)
    self.assertNotIn(' jacod: reloaded', host.read_log())
    self.assertNotEqual(old, new)
    # Both files are good.
    host.configure(log_level='error')
    lines = len(host.read_log().splitlines())
    host.process.send_signal(signal.SIGHUP)
    wait('the certificate on the disk', lambda: self.certificate() == earlier)
    # What is said at level info is not said any more, until it is again.
    self.reload_silently(host)
    self.assertFalse(any(' jacod: reloaded' in line for line in
                         host.read_log().splitlines()[lines:]))
    host.configure(log_level='info')
    self.reload(host, ' jacod: reloaded')

  def reload_silently(self, host):
    host.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    self.assertEqual(host.call('GET', '/v1/health')[0], 200)

  def test_a_sealed_keyring(self):
    host = self.host()
    key = os.path.join(host.root, 'seal-key')
    with open_private(key) as f:
      f.write('a' * 64 + '\n')
    host.start()
    self.assertEqual(host.jaco('cluster', 'init').returncode, 0)
    host.stop()
    host.configure(seal_key_file=key)
    host.start()
    self.wait_for_log(host, 'new credentials are in force')
    host.stop()
    host.start()
    host.stop()
    os.chmod(key, 0o644)
    self.assertIn('run `chmod o= %s`' % key, host.refuse_to_start())
    os.chmod(key, 0o600)
    with open(key, 'w') as f:
      f.write('b' * 64)
    self.assertIn('permission_denied', host.refuse_to_start())
    os.remove(key)
    self.assertIn('there is no such file', host.refuse_to_start())
    host.configure(seal_key_file=None)
    self.assertIn('is sealed; seal_key_file must name the key',
                  host.refuse_to_start())

  def test_damaged_or_missing_credentials(self):
    host = self.member()
    host.stop()
    path = os.path.join(host.data, 'node', 'secrets')
    with open(path, 'r+b') as f:
      content = f.read()
      f.seek(len(content) // 2)
      f.write(b'\x00\x00\x00\x00')
    self.assertIn('node/secrets is damaged', host.refuse_to_start())
    os.remove(path)
    host.start()
    self.wait_for_log(host, 'node/secrets is missing')
    self.assertEqual(host.identities(), {'bootstrap'})
    host.stop()
    with open(path, 'wb') as f:
      f.write(content)
    host.start()
    self.assertEqual(host.identities(), {'bootstrap'})
    self.assertEqual(self.get(self.token, '/v1/health')[0].status, 200)

  def test_before_init_nobody_can_vouch_for_it(self):
    host = self.host()
    host.start()
    for context, status in ((ssl.create_default_context(), None),
                            (ssl._create_unverified_context(), 503)):
      connection = http.client.HTTPSConnection('127.0.0.1', self.api,
                                               context=context, timeout=20)
      try:
        connection.request('GET', '/v1/cluster/status')
        response = connection.getresponse()
        self.assertEqual(response.status, status)
        self.assertIn(b'"cluster_uninitialized"', response.read())
      except ssl.SSLCertVerificationError:
        self.assertIsNone(status)
      connection.close()

  def wait_for_log(self, host, text):
    deadline = time.monotonic() + 20
    while text not in host.read_log():
      self.assertLess(time.monotonic(), deadline, host.read_log())
      time.sleep(0.05)


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1], verbosity=2)

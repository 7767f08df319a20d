#!/usr/bin/env python3
"""Recovery by hand: peers.json, and jaco operator raft on a stopped server.

    e2e_recovery_test.py JACOD JACO
"""

import hashlib
import json
import os
import subprocess
import sys
import unittest

from e2e_host import Host

JACOD, JACO = (os.path.abspath(path) for path in sys.argv[1:3])


def fingerprint(directory):
  """Every name below `directory`, with its content and its time."""
  found = {}
  for root, names, files in os.walk(directory):
    for name in names + files:
      path = os.path.join(root, name)
      content = b''
      if name in files:
        with open(path, 'rb') as f:
          content = hashlib.sha256(f.read()).digest()
      found[path] = (content, os.stat(path).st_mtime_ns)
  return found


class RecoveryTest(unittest.TestCase):

  def setUp(self):
    self.host = Host(JACOD, JACO)
    self.addCleanup(self.host.close)
    self.host.start()
    self.assertEqual(
        self.host.jaco('cluster', 'init', '--name', 'demo').returncode, 0)
    _, answer = self.host.issue('alice')
    self.secret = answer['token']
    self.peers_json = os.path.join(self.host.data, 'raft', 'peers.json')

  def offline(self, *arguments):
    return subprocess.run([
        JACO, 'operator', 'raft', *arguments, '--data-dir', self.host.data
    ], capture_output=True, text=True, timeout=60, check=False)

  def test_info_logs_and_state_change_nothing(self):
    running = self.offline('info')
    self.assertEqual(running.returncode, 1)
    self.assertIn('Error: conflict: ', running.stderr)
    self.host.stop()
    before = fingerprint(self.host.root)
    for output in ('table', 'json', 'yaml'):
      for command in ('info', 'logs', 'state'):
        with self.subTest(command=command, output=output):
          done = self.offline(command, '-o', output)
          self.assertEqual(done.stderr, '')
          self.assertEqual(done.returncode, 0)
          self.assertNotIn(self.secret, done.stdout)
          secret_hash = hashlib.sha256(self.secret.encode()).hexdigest()
          self.assertNotIn(secret_hash, done.stdout)
    self.assertEqual(fingerprint(self.host.root), before)

    info = json.loads(self.offline('info', '-o', 'json').stdout)
    self.assertEqual(info['node']['name'], 'node-1')
    self.assertEqual(info['log']['first'], {'term': 1, 'index': 1})
    self.assertEqual(info['configuration']['members'][0]['id'],
                     info['node']['id'])
    self.assertEqual(info['damage'], [])
    logs = json.loads(
        self.offline('logs', '--from', '2', '--to', '3', '-o', 'json').stdout)
    self.assertEqual([(e['index'], e['kind']) for e in logs['entries']],
                     [(2, 'command'), (3, 'noop')])
    state = json.loads(self.offline('state', '-o', 'json').stdout)
    self.assertEqual(state['cluster']['name'], 'demo')
    self.assertEqual([t['identity'] for t in state['tokens']],
                     ['alice', 'bootstrap'])

  def test_damage_is_named_and_the_rest_is_shown(self):
    self.host.stop()
    path = os.path.join(self.host.data, 'raft', '%020d.log' % 1)
    with open(path, 'r+b') as f:
      f.seek(f.read().index(b'alice'))
      f.write(b'x')
    done = self.offline('logs')
    self.assertEqual(done.returncode, 1)
    self.assertRegex(done.stderr, r'Error: data_loss: .*%s.* offset \d+' % path)
    self.assertIn('init cluster', done.stdout)
    self.assertNotIn('alice', done.stdout)

  def test_nothing_is_created_where_nothing_is(self):
    empty = os.path.join(self.host.root, 'empty')
    os.mkdir(empty)
    done = subprocess.run(
        [JACO, 'operator', 'raft', 'info', '--data-dir', empty],
        capture_output=True, text=True, timeout=60, check=False)
    self.assertEqual(done.returncode, 1)
    self.assertIn('Error: not_found: ', done.stderr)
    self.assertEqual(os.listdir(empty), [])

  def test_peers_json(self):
    self.host.stop()
    info = json.loads(self.offline('info', '-o', 'json').stdout)
    for bad in ('', '[]', '{}', '[{"id": "1", "address": "a:1"}]'):
      with open(self.peers_json, 'w', encoding='utf-8') as f:
        f.write(bad)
      self.assertRegex(self.host.refuse_to_start(),
                       r'\AError: \w+: %s: ' % self.peers_json)
      self.assertTrue(os.path.exists(self.peers_json))
    with open(self.peers_json, 'w', encoding='utf-8') as f:
      json.dump([{'id': info['node']['id'], 'address': '127.0.0.1:7999'}], f)
    self.host.start()
    self.assertEqual(self.host.identities(), {'bootstrap', 'alice'})
    self.assertFalse(os.path.exists(self.peers_json))
    self.assertEqual(self.host.issue('bob')[0], 200)
    self.assertEqual(self.host.stop(), 0)
    info = json.loads(self.offline('info', '-o', 'json').stdout)
    self.assertEqual(info['configuration']['members'][0]['address'],
                     '127.0.0.1:7999')
    self.assertGreater(info['hard_state']['term'], 1000000)
    self.assertTrue(
        os.path.exists(os.path.join(self.host.data, 'raft', 'peers.info')))


if __name__ == '__main__':
  unittest.main(argv=sys.argv[:1])

#!/usr/bin/env python3
"""Tests the tester: layers.py lets a good tree pass and refuses a bad one."""

import os
import subprocess
import sys
import unittest

_TOOLS = os.path.dirname(os.path.abspath(__file__))
_DATA = os.path.join(_TOOLS, 'testdata', 'layers')


def _sources(root):
  return sorted(
      os.path.relpath(os.path.join(folder, name), root)
      for folder, _, names in os.walk(root) for name in names)


def _run(arguments, folder):
  done = subprocess.run(
      [sys.executable, os.path.join(_TOOLS, 'layers.py')] + arguments,
      cwd=folder, stdout=subprocess.PIPE, check=False)
  return done.returncode, done.stdout.decode()


class LayersTest(unittest.TestCase):

  maxDiff = None

  def test_good_tree_passes(self):
    root = os.path.join(_DATA, 'good')
    self.assertEqual(_run(_sources(root), root), (0, ''))

  def test_bad_tree_is_refused(self):
    root = os.path.join(_DATA, 'bad')
    with open(os.path.join(_DATA, 'bad.txt'), encoding='utf-8') as expected:
      self.assertEqual(_run(_sources(root), root), (1, expected.read()))

  def test_good_graph_passes(self):
    self.assertEqual(_run(['--graph', 'good.xml'], _DATA), (0, ''))

  def test_bad_graph_is_refused(self):
    self.assertEqual(_run(['--graph', 'bad.xml'], _DATA), (1, ''.join([
        '//jaco/raft:raft: must not depend on //jaco/env:clock\n',
        '//jaco/storage:raft_log: must not depend on '
        '//jaco/fsm:command_proto_cc\n',
        '//jaco/storage:raft_log: must not depend on //jaco/raft:raft\n',
    ])))


if __name__ == '__main__':
  unittest.main()

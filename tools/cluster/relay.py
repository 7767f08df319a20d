"""A network in a thread: TUN devices whose packets arrive late, or never."""

import fcntl
import heapq
import os
import random
import select
import socket
import struct
import threading
import time

_TUNSETIFF = 0x400454ca
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PACKET_BYTES_MAX = 65536
# Packets under way; beyond it they are lost, as in any switch.
_QUEUE_MAX = 10000


def _open(name):
  """Makes a TUN device, which is there as long as the file."""
  device = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
  request = struct.pack('16sH', name.encode(), _IFF_TUN | _IFF_NO_PI)
  try:
    fcntl.ioctl(device, _TUNSETIFF, request.ljust(40, b'\0'))
  except OSError:
    os.close(device)
    raise
  return device


def is_permitted():
  try:
    os.close(_open('probe0'))
    return True
  except OSError:
    return False


class Relay:
  """Hands IPv4 packets from device to device by their destination."""

  def __init__(self, delay, loss, seed=0):
    self._delay, self._loss = delay, loss
    self._chance = random.Random(seed)
    self._lock = threading.Lock()
    self._devices = {}  # file by address
    self._isolated = set()
    self._under_way = []  # (when due, sequence, to, packet)
    self._sequence = 0
    self._wake_read, self._wake_write = os.pipe()
    self._closed = False
    self._thread = threading.Thread(target=self._run, daemon=True)
    self._thread.start()

  def add(self, address, name):
    """Makes the device `name` for `address`; who calls moves it where it
    belongs."""
    device = _open(name)
    with self._lock:
      self._devices[address] = device
    os.write(self._wake_write, b'.')

  def isolate(self, address):
    with self._lock:
      self._isolated.add(address)

  def reconnect(self, address):
    with self._lock:
      self._isolated.discard(address)

  def close(self):
    self._closed = True
    os.write(self._wake_write, b'.')
    self._thread.join()
    for descriptor in (*self._devices.values(), self._wake_read,
                       self._wake_write):
      os.close(descriptor)

  def _run(self):
    while not self._closed:
      with self._lock:
        devices = {fd: address for address, fd in self._devices.items()}
      timeout = None
      if self._under_way:
        timeout = max(0.0, self._under_way[0][0] - time.monotonic())
      ready, _, _ = select.select([self._wake_read, *devices], [], [], timeout)
      with self._lock:
        for descriptor in ready:
          if descriptor == self._wake_read:
            os.read(self._wake_read, 64)
          else:
            self._take(descriptor, devices[descriptor])
        self._deliver()

  def _take(self, descriptor, source):
    try:
      packet = os.read(descriptor, _PACKET_BYTES_MAX)
    except OSError:  # the device is not up yet
      return
    if len(packet) < 20 or packet[0] >> 4 != 4:
      return
    to = socket.inet_ntoa(packet[16:20])
    if (to not in self._devices or self._isolated & {source, to} or
        self._chance.random() < self._loss or
        len(self._under_way) >= _QUEUE_MAX):
      return
    due = time.monotonic() + self._delay * self._chance.random()
    self._sequence += 1
    heapq.heappush(self._under_way, (due, self._sequence, to, packet))

  def _deliver(self):
    now = time.monotonic()
    while self._under_way and self._under_way[0][0] <= now:
      _, _, to, packet = heapq.heappop(self._under_way)
      if to in self._isolated:
        continue
      try:
        os.write(self._devices[to], packet)
      except OSError:  # full, or not up: lost
        pass

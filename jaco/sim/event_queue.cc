#include "jaco/sim/event_queue.h"

#include <algorithm>
#include <utility>

#include "jaco/base/check.h"

namespace jaco::sim {

EventQueue::~EventQueue() {
  for (EventOwner owner = 0; owner < owners_.size(); ++owner) CancelAll(owner);
}

EventOwner EventQueue::NewOwner() {
  owners_.push_back(kNil);
  return static_cast<EventOwner>(owners_.size() - 1);
}

void EventQueue::CancelAll(EventOwner owner) {
  while (owners_[owner] != kNil) Cancel(slots_[owners_[owner]].id);
}

EventId EventQueue::Schedule(Instant when, EventOwner owner, EventLabel label,
                             env::Task task) {
  const uint32_t index = TakeSlot();
  const EventId id = (++sequence_ << kSlotBits) | index;
  Slot& slot = slots_[index];
  slot.id = id;
  slot.owner = owner;
  slot.label = label;
  slot.task = std::move(task);
  slot.previous = kNil;
  slot.next = owners_[owner];
  if (slot.next != kNil) slots_[slot.next].previous = index;
  owners_[owner] = index;
  ++pending_;
  if (when <= now_) {
    present_.push_back(id);
  } else {
    PushHeap({when.nanoseconds(), id});
  }
  return id;
}

void EventQueue::Cancel(EventId id) {
  if (id == 0 || !IsLive(id)) return;
  const uint32_t index = SlotOf(id);
  // Destroyed last: what the task owns may come back to this queue.
  const env::Task task = std::move(slots_[index].task);
  FreeSlot(index);
  if (heap_.size() > 64 && heap_.size() > 4 * pending_) DropCancelled();
}

bool EventQueue::Pop(Event* event) {
  const EventId id = PopId();
  if (id == 0) return false;
  const uint32_t index = SlotOf(id);
  event->id = id;
  event->label = slots_[index].label;
  event->task = std::move(slots_[index].task);
  FreeSlot(index);
  return true;
}

EventId EventQueue::PopId() {
  for (;;) {
    EventId id = 0;
    const bool heap_is_due =
        !heap_.empty() && heap_.front().time <= now_.nanoseconds();
    if (!present_.empty() &&
        !(heap_is_due && heap_.front().id < present_.front())) {
      id = present_.front();
      present_.pop_front();
    } else if (!heap_.empty()) {
      id = heap_.front().id;
      if (IsLive(id)) now_ = Instant::FromNanoseconds(heap_.front().time);
      PopHeap();
    } else {
      return 0;
    }
    if (!IsLive(id)) continue;
    const NodeNumber node = slots_[SlotOf(id)].label.node;
    if (!paused_[node]) return id;
    parked_[node].push_back(id);
  }
}

void EventQueue::Pause(NodeNumber node) {
  JACO_CHECK(node != kWorld);
  paused_[node] = true;
}

void EventQueue::Resume(NodeNumber node) {
  paused_[node] = false;
  // Their ids are older than whatever is scheduled now, so they come first and
  // in the order in which they were scheduled.
  for (EventId id : parked_[node]) PushHeap({now_.nanoseconds(), id});
  parked_[node].clear();
}

uint32_t EventQueue::TakeSlot() {
  if (free_ == kNil) {
    JACO_CHECK(slots_.size() < kPendingMax);
    slots_.emplace_back();
    return static_cast<uint32_t>(slots_.size() - 1);
  }
  const uint32_t index = free_;
  free_ = slots_[index].next;
  return index;
}

void EventQueue::FreeSlot(uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.previous != kNil) {
    slots_[slot.previous].next = slot.next;
  } else {
    owners_[slot.owner] = slot.next;
  }
  if (slot.next != kNil) slots_[slot.next].previous = slot.previous;
  slot.id = 0;
  slot.next = free_;
  free_ = index;
  --pending_;
}

void EventQueue::PushHeap(HeapEntry entry) {
  size_t hole = heap_.size();
  heap_.push_back(entry);
  while (hole > 0) {
    const size_t parent = (hole - 1) / 4;
    if (!(entry < heap_[parent])) break;
    heap_[hole] = heap_[parent];
    hole = parent;
  }
  heap_[hole] = entry;
}

void EventQueue::PopHeap() {
  const HeapEntry last = heap_.back();
  heap_.pop_back();
  if (!heap_.empty()) SiftDown(0, last);
}

void EventQueue::SiftDown(size_t hole, HeapEntry entry) {
  const size_t size = heap_.size();
  for (size_t child = 4 * hole + 1; child < size; child = 4 * hole + 1) {
    size_t least = child;
    const size_t end = std::min(child + 4, size);
    for (size_t i = child + 1; i < end; ++i) {
      if (heap_[i] < heap_[least]) least = i;
    }
    if (!(heap_[least] < entry)) break;
    heap_[hole] = heap_[least];
    hole = least;
  }
  heap_[hole] = entry;
}

void EventQueue::DropCancelled() {
  // Timers that are re-armed at every message would otherwise fill the heap.
  heap_.erase(
      std::remove_if(heap_.begin(), heap_.end(),
                     [this](const HeapEntry& e) { return !IsLive(e.id); }),
      heap_.end());
  std::sort(heap_.begin(), heap_.end());  // a sorted array is a heap
}

}  // namespace jaco::sim

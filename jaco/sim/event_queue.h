// The one queue of a simulated world: everything that will happen, ordered by
// (time, order of scheduling).
//
// The heart of the simulator's speed: a 4-ary heap over 16-byte
// entries, a slab of tasks, a plain FIFO for what happens at the present
// instant. Cancelling is O(1); the heap entry is skipped when it comes up.

#ifndef JACO_SIM_EVENT_QUEUE_H_
#define JACO_SIM_EVENT_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "jaco/base/time.h"
#include "jaco/env/event_loop.h"
#include "jaco/sim/event.h"

namespace jaco::sim {

// 0 names no event. Ascending in the order of scheduling.
using EventId = uint64_t;

// Events that are destroyed together, as those of one incarnation of a server.
using EventOwner = uint32_t;
inline constexpr EventOwner kWorldOwner = 0;

struct Event {
  EventId id = 0;
  EventLabel label;
  env::Task task;
};

class EventQueue {
 public:
  // Simultaneously pending events, cancelled ones that have not come up
  // included.
  static constexpr uint32_t kPendingMax = uint32_t{1} << 24;

  EventQueue() : owners_(1, kNil) {}
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue();

  // The time of the event that was popped last.
  Instant now() const { return now_; }

  EventOwner NewOwner();
  // Destroys every event of `owner` unrun.
  void CancelAll(EventOwner owner);

  // `when` in the past means now.
  EventId Schedule(Instant when, EventOwner owner, EventLabel label,
                   env::Task task);
  // Destroys the event unrun; no effect on one that is gone.
  void Cancel(EventId id);

  // Takes the next event, which the caller runs, and moves now() on to it.
  // False when there is none.
  bool Pop(Event* event);

  // While a node is paused its events are held back; they keep their ids and
  // come up, in their order, when it goes on.
  void Pause(NodeNumber node);
  void Resume(NodeNumber node);
  bool IsPaused(NodeNumber node) const { return paused_[node]; }

  // Events that are neither run nor cancelled.
  size_t pending() const { return pending_; }

 private:
  static constexpr uint32_t kNil = ~uint32_t{0};
  static constexpr int kSlotBits = 24;

  struct Slot {
    EventId id = 0;  // 0: free
    EventOwner owner = 0;
    uint32_t previous = kNil;  // among the owner's events; free: the next free
    uint32_t next = kNil;
    EventLabel label;
    env::Task task;
  };
  struct HeapEntry {
    int64_t time;
    EventId id;

    bool operator<(const HeapEntry& other) const {
      return time != other.time ? time < other.time : id < other.id;
    }
  };

  static uint32_t SlotOf(EventId id) {
    return static_cast<uint32_t>(id & ((uint64_t{1} << kSlotBits) - 1));
  }
  bool IsLive(EventId id) const { return slots_[SlotOf(id)].id == id; }
  uint32_t TakeSlot();
  void FreeSlot(uint32_t index);
  void PushHeap(HeapEntry entry);
  void PopHeap();
  void SiftDown(size_t hole, HeapEntry entry);
  void DropCancelled();
  EventId PopId();

  Instant now_;
  uint64_t sequence_ = 0;
  size_t pending_ = 0;
  std::vector<HeapEntry> heap_;
  std::deque<EventId> present_;  // all at now_, ascending
  std::vector<Slot> slots_;
  uint32_t free_ = kNil;
  std::vector<uint32_t> owners_;  // the first slot of each
  std::array<bool, kNodesMax + 1> paused_ = {};
  std::array<std::vector<EventId>, kNodesMax + 1> parked_;
};

}  // namespace jaco::sim

#endif  // JACO_SIM_EVENT_QUEUE_H_

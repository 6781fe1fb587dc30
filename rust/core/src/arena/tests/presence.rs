use super::*;
use crate::arena::shape::PRESENCE;

#[test]
fn requests_come_and_go_up_to_a_limit() {
    let arena = arena(64);
    let key = key(&arena, 1);
    arena.occupy_lane(0);
    arena.occupy_lane(1);
    assert_eq!(arena.enter(key, 0, 2), Enter::Entered(1));
    assert_eq!(arena.enter(key, 1, 2), Enter::Entered(2));
    assert_eq!(arena.enter(key, 1, 2), Enter::Refused(2));
    assert_eq!(arena.enter(super::key(&arena, 2), 1, 0), Enter::Refused(0));
    arena.leave(key, 0);
    assert_eq!(arena.in_flight(key), 1);
    assert_eq!(arena.enter(key, 1, 2), Enter::Entered(2));
    for _ in 0..3 {
        arena.leave(key, 1);
    }
    assert_eq!(arena.in_flight(key), 0);
}

#[test]
fn lanes_of_all_groups_share_a_limit() {
    let arena = arena(64);
    let key = key(&arena, 1);
    let lanes = [0, 7, 8, 127, 128, 255];
    for lane in lanes {
        arena.occupy_lane(lane);
    }
    for (before, lane) in (0..).zip(lanes) {
        assert_eq!(arena.enter(key, lane, 6), Enter::Entered(before + 1));
    }
    for lane in lanes {
        assert_eq!(arena.enter(key, lane, 6), Enter::Refused(6));
    }
    assert_eq!(arena.in_flight(key), 6);
    arena.leave(key, 255);
    assert_eq!(arena.enter(key, 0, 6), Enter::Entered(6));
}

#[test]
fn a_lane_is_cleared_and_no_other() {
    let arena = arena(64);
    for lane in [3, 4, 11] {
        arena.occupy_lane(lane);
        for number in 0..100 {
            for _ in 0..=lane {
                let _ = arena.enter(key(&arena, number), lane, 1000);
            }
        }
    }
    arena.clear_lane(3);
    arena.free_lane(3);
    for number in 0..100 {
        assert_eq!(arena.in_flight(key(&arena, number)), 5 + 12);
    }
    arena.leave(key(&arena, 0), 3);
    assert_eq!(arena.in_flight(key(&arena, 0)), 5 + 12);
    arena.clear_lane(11);
    assert_eq!(arena.in_flight(key(&arena, 0)), 5);
}

#[test]
fn a_lane_holds_no_more_than_it_can_count() {
    let arena = arena(64);
    let key = key(&arena, 1);
    arena.occupy_lane(7);
    for count in 1..=MOST_IN_LANE {
        assert_eq!(arena.enter(key, 7, u32::MAX), Enter::Entered(count));
    }
    assert_eq!(arena.enter(key, 7, u32::MAX), Enter::Refused(MOST_IN_LANE));
    assert_eq!(
        arena.enter(key, 6, u32::MAX),
        Enter::Entered(MOST_IN_LANE + 1)
    );
}

#[test]
fn keys_that_are_not_in_flight_make_room() {
    let arena = arena(64);
    arena.occupy_lane(0);
    for number in 0..2 * PRESENCE {
        let key = key(&arena, number);
        assert_eq!(arena.enter(key, 0, 1), Enter::Entered(1));
        arena.leave(key, 0);
    }
}

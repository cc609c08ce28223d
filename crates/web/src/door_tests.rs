//! Each bound of the door, at its value and one past it.

use super::*;

fn ip(n: usize) -> IpAddr {
    IpAddr::from([10, 0, (n / 256) as u8, (n % 256) as u8])
}

/// As many places as `admit` gives, and why it gives no more.
fn fill(mut admit: impl FnMut(usize) -> Result<Place, Full>) -> (Vec<Place>, Full) {
    let mut places = Vec::new();
    loop {
        match admit(places.len()) {
            Ok(place) => places.push(place),
            Err(full) => return (places, full),
        }
    }
}

#[test]
fn one_address_has_so_many_unfinished_connections_and_no_more() {
    let door = Arc::new(Door::default());
    let (mut places, full) = fill(|_| door.admit(ip(1)));
    assert_eq!((places.len(), full), (HANDSHAKES_PER_ADDRESS_MAX, Full::Handshakes));
    assert!(door.admit(ip(2)).is_ok());
    places.pop();
    assert!(door.admit(ip(1)).is_ok());
}

#[test]
fn some_room_at_the_door_is_kept_for_addresses_of_guests() {
    let door = Arc::new(Door::default());
    door.admit(ip(7)).unwrap().recognise("ann").unwrap();
    let (_strangers, full) = fill(|n| door.admit(ip(1000 + n)));
    assert_eq!((_strangers.len(), full), (HANDSHAKES_MAX - HANDSHAKES_RESERVED, Full::Door));
    let (_friends, _) = fill(|_| door.admit(ip(7)));
    assert_eq!(_friends.len(), HANDSHAKES_RESERVED);
    assert!(!door.has_room());
    drop(_friends);
    assert!(door.has_room());
}

#[test]
fn one_address_has_so_many_visitors_and_a_guest_among_them_counts_apart() {
    let door = Arc::new(Door::default());
    let visit = |from| {
        let place = door.admit(from)?;
        place.visit(Instant::now()).map(|()| place)
    };
    let (places, full) = fill(|_| visit(ip(1)));
    assert_eq!((places.len(), full), (VISITORS_PER_ADDRESS_MAX, Full::Visitors));
    places[0].visit(Instant::now()).unwrap();
    assert!(visit(ip(2)).is_ok());
    places[0].recognise("ann").unwrap();
    assert!(visit(ip(1)).is_ok());
}

#[test]
fn visitors_leave_room_for_guests_until_the_house_is_full() {
    let door = Arc::new(Door::default());
    let visit = |from| {
        let place = door.admit(from)?;
        place.visit(Instant::now()).map(|()| place)
    };
    door.admit(ip(7)).unwrap().recognise("ann").unwrap();
    let (visitors, full) = fill(|n| visit(ip(1000 + n)));
    assert_eq!((visitors.len(), full), (VISITORS_MAX - VISITORS_RESERVED, Full::House));
    // Ann's page opens once more, before it shows anything.
    let (anns, full) = fill(|_| visit(ip(7)));
    assert_eq!((anns.len(), full), (VISITORS_RESERVED, Full::Visitors));
    let (guests, full) = fill(|n| {
        let place = door.admit(ip(2000 + n))?;
        place.recognise(&n.to_string()).map(|()| place)
    });
    assert_eq!((guests.len(), full), (WEB_SOCKETS_MAX - VISITORS_MAX, Full::House));
    assert!(!door.has_room());
    drop(visitors);
    assert!(door.has_room());
}

#[test]
fn a_guest_needs_no_place_of_a_visitor() {
    let door = Arc::new(Door::default());
    let visit = |from| {
        let place = door.admit(from)?;
        place.visit(Instant::now()).map(|()| place)
    };
    let (_visitors, full) = fill(|_| visit(ip(1)));
    assert_eq!(full, Full::Visitors);
    door.admit(ip(1)).unwrap().recognise("ann").unwrap();
    let (_more, full) = fill(|n| visit(ip(1000 + n)));
    assert_eq!(full, Full::House);
    door.admit(ip(2000)).unwrap().recognise("ann").unwrap();
}

#[test]
fn a_guest_that_proves_nothing_any_more_is_a_visitor_again() {
    let door = Arc::new(Door::default());
    let place = door.admit(ip(1)).unwrap();
    place.recognise("ann").unwrap();
    assert_eq!(place.guest().as_deref(), Some("ann"));
    place.visit(Instant::now()).unwrap();
    assert_eq!(place.guest(), None);
    let counts = door.counts();
    assert_eq!((counts.total, counts.visitors, counts.sockets_of.len()), (1, 1, 0));
}

#[test]
fn strangers_of_a_guests_network_use_up_nothing_of_what_its_own_address_may_have() {
    let door = Arc::new(Door::default());
    let of = |host: u16| IpAddr::from([0xfd00, 0, 0, 1, 0, 0, 0, host]);
    door.admit(of(7)).unwrap().recognise("ann").unwrap();
    let visit = |from| {
        let place = door.admit(from)?;
        place.visit(Instant::now()).map(|()| place)
    };
    let (_visitors, full) = fill(|n| visit(of(1000 + n as u16)));
    assert_eq!((_visitors.len(), full), (VISITORS_PER_ADDRESS_MAX, Full::Visitors));
    assert!(visit(of(7)).is_ok());
    let (_silent, full) = fill(|n| door.admit(of(1000 + n as u16)));
    assert_eq!((_silent.len(), full), (HANDSHAKES_PER_ADDRESS_MAX, Full::Handshakes));
    let (_others, full) = fill(|n| door.admit(ip(n)));
    assert_eq!(
        (_others.len(), full),
        (HANDSHAKES_MAX - HANDSHAKES_RESERVED - _silent.len(), Full::Door)
    );
    assert!(door.admit(of(8)).is_err());
    assert!(visit(of(7)).is_ok());
}

#[test]
fn one_credential_is_shown_on_so_many_connections_and_no_more() {
    let door = Arc::new(Door::default());
    let show = |from, id: &str| {
        let place = door.admit(from)?;
        place.recognise(id).map(|()| place)
    };
    let (mut places, full) = fill(|_| show(ip(1), "ann"));
    assert_eq!((places.len(), full), (SOCKETS_PER_CREDENTIAL_MAX, Full::Guest));
    assert!(show(ip(1), "ben").is_ok());
    // Requests on the same connection count once.
    places[0].recognise("ann").unwrap();
    places.pop();
    assert!(show(ip(1), "ann").is_ok());
}

#[test]
fn nothing_is_counted_when_everybody_has_left() {
    let door = Arc::new(Door::default());
    let [a, b, c] = [1, 2, 3].map(|n| door.admit(ip(n)).unwrap());
    b.visit(Instant::now()).unwrap();
    c.visit(Instant::now()).unwrap();
    c.recognise("ann").unwrap();
    c.recognise("ben").unwrap();
    drop((a, b, c));
    let counts = door.counts();
    assert_eq!((counts.total, counts.handshakes, counts.visitors), (0, 0, 0));
    assert!(counts.handshakes_of.is_empty() && counts.visitors_of.is_empty());
    assert!(counts.sockets_of.is_empty());
    assert_eq!(counts.known.len(), 1);
}

#[test]
fn the_addresses_noted_last_are_remembered() {
    let mut counts = Counts::default();
    (0..KNOWN_MAX).for_each(|n| counts.note(ip(n)));
    counts.note(ip(0));
    counts.note(ip(KNOWN_MAX));
    let remembers = |n| counts.known.contains(&ip(n));
    assert_eq!([0, 1, 2, KNOWN_MAX].map(remembers), [true, false, true, true]);
    assert_eq!(counts.known.len(), KNOWN_MAX);
}

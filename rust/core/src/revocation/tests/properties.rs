//! The same answers as from a plain list.

use proptest::prelude::*;

use super::*;

/// What was revoked, in a list that is searched from end to end.
#[derive(Default)]
struct Model {
    maximum: usize,
    held: Vec<Revocation>,
}

fn set(target: &mut Target, time: f64) {
    match target {
        Target::Token(_) => {}
        Target::Subject { issued_before, .. } | Target::Everything { issued_before } => {
            *issued_before = time;
        }
    }
}

impl Model {
    fn apply(&mut self, entries: &[Revocation], now: f64) -> Result<usize, Full> {
        let mut next = self.held.clone();
        next.retain(|entry| entry.expires > now);
        let mut changed = 0;
        for entry in entries.iter().filter(|entry| entry.expires > now) {
            let Some(known) = next.iter_mut().find(|known| known.key() == entry.key()) else {
                next.push(entry.clone());
                changed += 1;
                continue;
            };
            let before = known.clone();
            let time = entry.target.issued_before();
            let later = time.max(known.target.issued_before());
            set(&mut known.target, later);
            known.expires = known.expires.max(entry.expires);
            changed += usize::from(*known != before);
        }
        if next.len() > self.maximum {
            return Err(Full {
                maximum: self.maximum,
            });
        }
        self.held = next;
        Ok(changed)
    }

    fn is_revoked(&self, asked: &Asked, now: f64) -> bool {
        self.held.iter().any(|entry| hits(entry, asked, now))
    }
}

/// Whether one entry revokes a token.
fn hits(entry: &Revocation, asked: &Asked, now: f64) -> bool {
    let is_issuer = entry.issuer.as_ref().is_none_or(|it| *it == asked.issuer);
    let is_before = |time: f64| asked.issued_at.is_none_or(|issued| issued < time);
    is_issuer
        && now < entry.expires
        && match &entry.target {
            Target::Token(name) => asked.token_id.as_ref() == Some(name),
            Target::Subject {
                subject,
                issued_before,
            } => asked.subject.as_ref() == Some(subject) && is_before(*issued_before),
            Target::Everything { issued_before } => is_before(*issued_before),
        }
}

/// A token.
#[derive(Debug, Clone)]
struct Asked {
    issuer: String,
    subject: Option<String>,
    token_id: Option<String>,
    issued_at: Option<f64>,
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "c", "d", "e"]).prop_map(str::to_owned)
}

fn time() -> impl Strategy<Value = f64> {
    (0..60_u8).prop_map(f64::from)
}

fn entries() -> impl Strategy<Value = Vec<Revocation>> {
    let target = prop_oneof![
        name().prop_map(Target::Token),
        (name(), time()).prop_map(|(subject, issued_before)| Target::Subject {
            subject,
            issued_before
        }),
        time().prop_map(|issued_before| Target::Everything { issued_before }),
    ];
    let entry = (target, prop::option::of(name()), time()).prop_map(|(target, issuer, expires)| {
        Revocation {
            target,
            issuer,
            expires,
        }
    });
    prop::collection::vec(entry, 0..6)
}

fn tokens() -> impl Strategy<Value = Vec<Asked>> {
    let optional = || prop::option::of(name());
    let token = (name(), optional(), optional(), prop::option::of(time())).prop_map(
        |(issuer, subject, token_id, issued_at)| Asked {
            issuer,
            subject,
            token_id,
            issued_at,
        },
    );
    prop::collection::vec(token, 1..8)
}

fn ask(revocations: &Revocations, asked: &Asked, now: f64) -> bool {
    revocations.is_revoked(
        &asked.issuer,
        asked.subject.as_deref(),
        asked.token_id.as_deref(),
        asked.issued_at,
        now,
    )
}

proptest! {
    #[test]
    fn answers_are_those_of_a_plain_list(
        maximum in 0..24_usize,
        rounds in prop::collection::vec((0..4_u8, entries(), tokens()), 1..24),
    ) {
        let mut revocations = Revocations::new(maximum);
        let mut model = Model { maximum, ..Model::default() };
        let mut taken: Vec<Revocation> = Vec::new();
        let mut now = 0.0;
        for (elapsed, entries, tokens) in rounds {
            now += f64::from(elapsed);
            let version = revocations.version();
            let expected = model.apply(&entries, now);
            prop_assert_eq!(revocations.apply(entries.clone(), now), expected);
            prop_assert_eq!(revocations.version() > version, expected.is_ok_and(|new| new > 0));
            prop_assert!(revocations.len() <= maximum);
            if expected.is_ok() {
                taken.extend(entries);
            }
            let mut copy = Revocations::new(maximum);
            let list = revocations.list(now);
            prop_assert_eq!(copy.apply(list.clone(), now), Ok(list.len()));
            for token in &tokens {
                let is_revoked = ask(&revocations, token, now);
                prop_assert_eq!(is_revoked, model.is_revoked(token, now));
                prop_assert_eq!(is_revoked, ask(&copy, token, now));
                // Nothing that was taken is forgotten before its time.
                prop_assert!(is_revoked || !taken.iter().any(|entry| hits(entry, token, now)));
            }
        }
    }
}

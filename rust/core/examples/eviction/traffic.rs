//! Made-up traffic: who comes, and with which token.

/// Subjects that have a token.
pub const SUBJECTS: u32 = 1_000_000;
/// Requests for which a token lives where it is renewed, or is believed where it is checked again.
const LIFETIME: u64 = 1_000_000;
/// A scan is so many one-time tokens, and there is one in so many requests.
const SCAN: u64 = 100_000;
const SCAN_EVERY: u64 = 400_000;
/// The first key that is a one-time token.
const ONE_TIME: u64 = 1 << 60;

/// What there is besides subjects that keep their tokens.
#[derive(Clone, Copy)]
pub enum Habit {
    /// Nothing.
    Steady,
    /// Every second request has a token of its own.
    HalfOneTime,
    /// Now and then, many requests in a row have a token of their own.
    Scans,
    /// Tokens are renewed.
    Renewed,
    /// Tokens stay, and are checked again when some time has passed.
    CheckedAgain,
    /// Other subjects become popular.
    Drift,
}

impl Habit {
    pub const ALL: [Self; 6] = [
        Self::Steady,
        Self::HalfOneTime,
        Self::Scans,
        Self::Renewed,
        Self::CheckedAgain,
        Self::Drift,
    ];

    pub const fn words(self) -> &'static str {
        match self {
            Self::Steady => "",
            Self::HalfOneTime => ", every second token new",
            Self::Scans => ", scans of 100,000 new",
            Self::Renewed => ", tokens renewed",
            Self::CheckedAgain => ", tokens checked again",
            Self::Drift => ", popularity drifts",
        }
    }
}

/// Zipf's law over the subjects: the nth is asked for in proportion to n^-exponent.
pub struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    pub fn new(exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=SUBJECTS)
            .map(|rank| {
                sum += f64::from(rank).powf(-exponent);
                sum
            })
            .collect();
        for value in &mut cumulative {
            *value /= sum;
        }
        Self { cumulative }
    }

    /// The share of requests that the `count` most popular make: on steady traffic no policy does
    /// better in the long run.
    pub fn share_of(&self, count: usize) -> f64 {
        self.cumulative[count.min(self.cumulative.len()) - 1]
    }

    fn subject(&self, uniform: f64) -> u64 {
        self.cumulative.partition_point(|&value| value < uniform) as u64
    }
}

/// A token that comes. Time is counted in requests.
#[derive(Clone, Copy)]
pub struct Token {
    pub key: u64,
    pub now: u64,
    /// Until when it is good, if it is checked now.
    pub until: u64,
    /// Whether it may come again.
    pub returns: bool,
}

impl Token {
    /// One that comes this once.
    pub const fn once(key: u64) -> Self {
        Self {
            key,
            now: 0,
            until: u64::MAX,
            returns: false,
        }
    }
}

/// A reproducible row of tokens.
pub struct Traffic<'a> {
    zipf: &'a Zipf,
    habit: Habit,
    count: u64,
    state: u64,
}

impl<'a> Traffic<'a> {
    pub fn new(zipf: &'a Zipf, habit: Habit) -> Self {
        Self {
            zipf,
            habit,
            count: 0,
            state: 42,
        }
    }

    /// The next token.
    pub fn next_token(&mut self) -> Token {
        self.count += 1;
        let now = self.count;
        let is_one_time = match self.habit {
            Habit::HalfOneTime => now.is_multiple_of(2),
            Habit::Scans => now % SCAN_EVERY < SCAN,
            _ => false,
        };
        if is_one_time {
            return Token::once(ONE_TIME + now);
        }
        let uniform = self.uniform();
        let subject = self.zipf.subject(uniform);
        let (key, until) = match self.habit {
            // Everybody's token ends at another time.
            Habit::Renewed => {
                let age = mix(subject) % LIFETIME + now;
                let key = (age / LIFETIME) << 32 | subject;
                (key, now + LIFETIME - age % LIFETIME)
            }
            Habit::CheckedAgain => (subject, now + LIFETIME),
            // Everybody moves one rank on after every 500 requests.
            Habit::Drift => ((subject + now / 500) % u64::from(SUBJECTS), u64::MAX),
            _ => (subject, u64::MAX),
        };
        Token {
            key,
            now,
            until,
            returns: true,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the 53 highest bits are exact")]
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.state) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
const fn mix(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

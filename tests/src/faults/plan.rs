//! What a simulation is made of: how many runs of which kind, and what goes wrong.

/// How many messages are sent in a millisecond: more than the instances can work off at once.
const RUNS_A_MILLISECOND: u64 = 4;

/// A simulation; everything else follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where all that is drawn comes from.
    pub seed: u64,
    /// The runs.
    pub runs: Runs,
    /// Within how many milliseconds the messages are sent.
    pub within: u64,
    /// How many copies of each message the queue holds.
    pub copies: usize,
    /// How many instances of the executor work at the same time.
    pub instances: usize,
    /// What goes wrong by chance.
    pub faults: Faults,
    /// What goes wrong at a given call to the world, counted from 0.
    pub script: Vec<(u64, Fault)>,
}

/// The runs of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// So many, of all kinds.
    Drawn(usize),
    /// These, each of a process of its own.
    Given(Vec<Kind>),
}

/// A kind of run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// How long the target remembers the run's token.
    pub token: Token,
    /// Why every attempt fails.
    pub poison: Option<Poison>,
    /// What became of the process, and from which millisecond on.
    pub gone: Option<(Gone, u64)>,
    /// How many times the target refuses the run before it takes it.
    pub refusals: u32,
    /// The process's `reintentos`.
    pub reintentos: u8,
}

/// How long a target remembers a run's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// For longer than any message lives, as Step Functions does.
    Lasting,
    /// For five minutes, as FIFO queues do.
    Window,
    /// The target takes no token: each call is another execution.
    None,
}

/// What no attempt gets past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poison {
    /// The target does not exist.
    Target,
    /// The role cannot be assumed.
    Role,
    /// The process's row cannot be understood.
    Row,
}

/// What becomes of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Somebody deletes it.
    Deleted,
    /// Somebody disables it.
    Disabled,
}

/// How often something goes wrong, of ten thousand times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// A call to AWS is answered with throttling, after all repetitions of the SDK.
    pub throttled: u64,
    /// A call is carried out, and its answer is lost.
    pub lost: u64,
    /// A call hangs for longer than the SDK waits: carried out or not, it ends with an error.
    pub hangs: u64,
    /// A target refuses a run that it takes another time.
    pub refused: u64,
    /// A target takes a run, and answers when nobody waits any more.
    pub late: u64,
    /// An instance is killed at a call, before it or after it: at the rarer steps more often.
    pub killed: u64,
    /// The answer to a whole batch is lost.
    pub unanswered: u64,
}

/// Something that goes wrong at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The instance is killed before the call is made.
    KilledBefore,
    /// The call is carried out, and the instance is killed before its answer arrives.
    KilledAfter,
    /// The call is answered with throttling.
    Throttled,
    /// The call is carried out, and its answer is lost.
    Lost,
}

impl Fault {
    /// All.
    pub const ALL: [Self; 4] = [Self::KilledBefore, Self::KilledAfter, Self::Throttled, Self::Lost];
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        throttled: 0,
        lost: 0,
        hangs: 0,
        refused: 0,
        late: 0,
        killed: 0,
        unanswered: 0,
    };

    /// Throttling, refusals and kills alone: nothing but a kill keeps a result from the table.
    pub const KILLS: Self = Self {
        throttled: 2_000,
        refused: 1_000,
        killed: 40,
        ..Self::NONE
    };

    /// A very bad day: a fifth of all calls throttled, a tenth of all starts refused, and the rest of what happens.
    pub const MANY: Self = Self {
        throttled: 2_000,
        lost: 100,
        hangs: 20,
        refused: 1_000,
        late: 30,
        killed: 40,
        unanswered: 50,
    };
}

impl Plan {
    /// So many runs, each message three times, among these faults.
    pub const fn drawn(seed: u64, runs: usize, faults: Faults) -> Self {
        Self {
            seed,
            runs: Runs::Drawn(runs),
            within: runs as u64 / RUNS_A_MILLISECOND + 1,
            copies: 3,
            instances: 10,
            faults,
            script: Vec::new(),
        }
    }

    /// These runs, each message once, of one instance at a time, where nothing goes wrong but what the script says.
    pub const fn given(kinds: Vec<Kind>, script: Vec<(u64, Fault)>) -> Self {
        Self {
            seed: 0,
            runs: Runs::Given(kinds),
            within: 0,
            copies: 1,
            instances: 1,
            faults: Faults::NONE,
            script,
        }
    }
}

impl Plan {
    /// Whether anything is left to chance.
    pub fn by_chance(&self) -> bool {
        self.faults != Faults::NONE
    }
}

impl Kind {
    /// A run that its target takes at once.
    pub const fn sound(token: Token) -> Self {
        Self {
            token,
            poison: None,
            gone: None,
            refusals: 0,
            reintentos: 3,
        }
    }
}

impl Token {
    /// All.
    pub const ALL: [Self; 3] = [Self::Lasting, Self::Window, Self::None];

    /// What such a target is called in the counts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lasting => "idempotent",
            Self::Window => "idempotent for 5 min",
            Self::None => "plain",
        }
    }
}

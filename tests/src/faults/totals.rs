//! What a simulation counts.

use std::collections::BTreeMap;
use std::fmt;

use super::plan::Token;

/// A step of the executor's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Reading the processes of a batch.
    Read,
    /// Claiming a run.
    Claim,
    /// Recording that a run is left out.
    Omit,
    /// Assuming a role.
    Assume,
    /// Starting a target.
    Start,
    /// Recording a result.
    Record,
    /// Changing a message's visibility.
    Delay,
    /// Sending a message to the dead-letter queue.
    Bury,
    /// Answering the batch.
    Answer,
}

/// Why a call of a target has no recorded result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The instance was killed between the two.
    Killed,
    /// The target took the call, and its answer was lost.
    AnswerLost,
    /// The target took the call, and answered when nobody waited any more.
    Late,
    /// Writing the result hung, or the target answered so late that there was no time to write it.
    NoTime,
}

/// What happened at the calls of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// How many were made.
    pub made: u64,
    /// Answered with throttling.
    pub throttled: u64,
    /// Carried out, the answer lost.
    pub lost: u64,
    /// The instance was killed before the call.
    pub killed_before: u64,
    /// The instance was killed after it was carried out.
    pub killed_after: u64,
}

/// The executions of one kind of target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Executions {
    /// Runs that the target executed at least once.
    pub runs: u64,
    /// How many times it did.
    pub all: u64,
    /// Executions whose result was kept from the table by something injected.
    pub injected: u64,
}

impl Executions {
    /// Executions beyond the first of each run.
    pub const fn duplicates(&self) -> u64 {
        self.all - self.runs
    }
}

macro_rules! totals {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counts of one simulation or of several.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Totals {
            $($(#[$doc])* pub $name: u64,)*
            /// By step.
            pub calls: BTreeMap<Step, Calls>,
            /// By kind of target.
            pub executions: BTreeMap<&'static str, Executions>,
            /// Executions whose result is in no table, by what was injected.
            pub causes: BTreeMap<Cause, u64>,
        }

        impl Totals {
            fn add_numbers(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

totals! {
    /// Runs.
    runs,
    /// Messages that the queue held.
    messages,
    /// Messages that nobody can read, of which the runs know nothing.
    unreadable,
    /// Deliveries of messages.
    deliveries,
    /// Invocations of the executor.
    invocations,
    /// Instances that were killed.
    killed,
    /// Invocations that Lambda ended at their deadline.
    timed_out,
    /// Deliveries that found their run ended, and did nothing.
    suppressed,
    /// Deliveries that found their run under way, or before its next attempt.
    leased,
    /// Attempts.
    attempts,
    /// Attempts after a crash: the lease had ended.
    after_crash,
    /// Attempts of runs that had been given up: a copy of their message, or its burial had failed.
    after_giving_up,
    /// Runs that ended well.
    ok,
    /// Runs that were left out.
    omitted,
    /// Runs in the dead-letter queue, with the reason.
    dead,
    /// Runs in the dead-letter queue that only the queue's own redrive brought there.
    dead_by_redrive,
    /// Runs that are nowhere.
    lost,
    /// Dead letters that were redriven by hand.
    redriven,
    /// Virtual milliseconds.
    millis,
}

impl Totals {
    /// The same with these.
    pub fn add(&mut self, other: &Self) {
        self.add_numbers(other);
        for (step, calls) in &other.calls {
            let mine = self.calls.entry(*step).or_default();
            mine.made += calls.made;
            mine.throttled += calls.throttled;
            mine.lost += calls.lost;
            mine.killed_before += calls.killed_before;
            mine.killed_after += calls.killed_after;
        }
        for (name, executions) in &other.executions {
            let mine = self.executions.entry(name).or_default();
            mine.runs += executions.runs;
            mine.all += executions.all;
            mine.injected += executions.injected;
        }
        for (cause, count) in &other.causes {
            *self.causes.entry(*cause).or_default() += count;
        }
    }

    /// The executions of one kind of target.
    pub fn of(&self, token: Token) -> Executions {
        self.executions.get(token.name()).copied().unwrap_or_default()
    }
}

impl Step {
    /// All, in the order in which a run meets them.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Claim,
        Self::Omit,
        Self::Assume,
        Self::Start,
        Self::Record,
        Self::Delay,
        Self::Bury,
        Self::Answer,
    ];

    /// How many times more often an instance is killed at it than at others, since it is met so much less often.
    pub const fn rarity(self) -> u64 {
        match self {
            Self::Omit | Self::Bury => 20,
            Self::Assume | Self::Start | Self::Record => 2,
            Self::Read | Self::Claim | Self::Delay | Self::Answer => 1,
        }
    }

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Claim => "claim",
            Self::Omit => "omit",
            Self::Assume => "assume",
            Self::Start => "start",
            Self::Record => "record",
            Self::Delay => "delay",
            Self::Bury => "bury",
            Self::Answer => "answer",
        }
    }
}

impl Cause {
    /// Its words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed between start and record",
            Self::AnswerLost => "the target's answer lost",
            Self::Late => "the target too late",
            Self::NoTime => "no time to record: the write hung, or the answer came in the last seconds",
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} runs, {} messages, {} deliveries in {} invocations, {} instances killed, {} timed out",
            self.runs, self.messages, self.deliveries, self.invocations, self.killed, self.timed_out
        )?;
        writeln!(
            f,
            "ended: {} well, {} left out, {} given up with the reason, {} by the queue's redrive, {} lost",
            self.ok, self.omitted, self.dead, self.dead_by_redrive, self.lost
        )?;
        writeln!(
            f,
            "attempts: {}, of which {} after a crash and {} after giving up; {} deliveries suppressed, {} told to wait",
            self.attempts, self.after_crash, self.after_giving_up, self.suppressed, self.leased
        )?;
        for (name, executions) in &self.executions {
            writeln!(
                f,
                "{name} targets: {} runs executed, {} duplicates, {} results kept away by what was injected",
                executions.runs,
                executions.duplicates(),
                executions.injected
            )?;
        }
        for (cause, count) in &self.causes {
            writeln!(f, "injected: {}: {count}", cause.name())?;
        }
        for (step, calls) in &self.calls {
            writeln!(
                f,
                "{}: {} calls, {} throttled, {} answers lost, killed before {} and after {}",
                step.name(),
                calls.made,
                calls.throttled,
                calls.lost,
                calls.killed_before,
                calls.killed_after
            )?;
        }
        Ok(())
    }
}

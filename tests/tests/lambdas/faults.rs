//! The executor among everything that goes wrong, in a small size: by chance from seeds, and at each step of its sequence.
//! `KAIROS_CASES` asks for so many other seeds; `cargo xtask bench faults` runs it in full.

use std::fmt::Write;
use std::time::Duration;

use acceptance::Account;
use acceptance::faults::plan::{Fault, Faults, Gone, Kind, Plan, Poison, Token};
use acceptance::faults::table::Table;
use acceptance::faults::totals::{Cause, Step, Totals};
use acceptance::faults::{Draw, End, Outcome, simulate, simulate_all};
use acceptance::ministack::{MiniStack, Options};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use expect_test::expect;
use futures_util::future::try_join_all;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::run::EstadoEjecucion::{EjecutadoOk, ErrorAlEjecutar, Omitido};
use kairos_aws::runs::{self, Runs};

/// Seeds that are always the same, and how many runs each has.
const SEEDS: u64 = 3;
const RUNS: usize = 1_000;

/// Simulations of so many runs each, of which `KAIROS_CASES` asks for others.
fn plans(first: u64, faults: Faults) -> Vec<Plan> {
    let others = std::env::var("KAIROS_CASES")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let seeds = others.map_or(first..first + SEEDS, |others| first + 1_000..first + 1_000 + others);
    seeds.map(|seed| Plan::drawn(seed, RUNS, faults)).collect()
}

#[test]
fn nothing_is_lost_and_what_runs_twice_was_killed_between_start_and_record() -> Result<()> {
    let totals = simulate_all(&plans(1, Faults::KILLS))?;
    eprintln!("{totals}");
    assert_eq!(totals.lost, 0);
    assert_eq!(totals.of(Token::Lasting).duplicates(), 0, "targets that know the run");
    assert_eq!(totals.causes.keys().collect::<Vec<_>>(), [&Cause::Killed]);
    for token in [Token::Window, Token::None] {
        let of = totals.of(token);
        assert!(
            of.duplicates() > 0 && of.duplicates() <= of.injected,
            "{token:?}: {of:?}"
        );
    }
    assert_eq!(
        totals.ok + totals.omitted + totals.dead + totals.dead_by_redrive,
        totals.runs
    );
    assert_eq!(totals.messages, 3 * totals.runs + totals.unreadable);
    Ok(())
}

#[test]
fn lost_late_and_hanging_answers_change_nothing_of_it() -> Result<()> {
    let mut plans = plans(101, Faults::MANY);
    // Of copies one makes up for what the others lose: here there are none.
    plans.push(Plan {
        copies: 1,
        ..Plan::drawn(100, RUNS, Faults::MANY)
    });
    let totals = simulate_all(&plans)?;
    eprintln!("{totals}");
    assert_eq!(totals.lost, 0);
    assert_eq!(totals.of(Token::Lasting).duplicates(), 0, "targets that know the run");
    for token in [Token::Window, Token::None] {
        let of = totals.of(token);
        assert!(of.duplicates() <= of.injected && of.injected > 0, "{token:?}: {of:?}");
    }
    assert_eq!(
        totals.ok + totals.omitted + totals.dead + totals.dead_by_redrive,
        totals.runs
    );
    assert_everything_happened(&totals);
    Ok(())
}

/// A simulation in which something never goes wrong shows nothing of it.
#[track_caller]
fn assert_everything_happened(totals: &Totals) {
    for step in Step::ALL {
        let calls = totals.calls.get(&step).copied().unwrap_or_default();
        assert!(calls.made > 0, "{step:?} was never called");
        assert!(calls.killed_before > 0, "nobody was killed before {step:?}");
        if step != Step::Answer {
            assert!(calls.killed_after > 0, "nobody was killed after {step:?}");
            assert!(calls.lost > 0 || calls.made < 1_000, "no answer of {step:?} was lost");
            assert_eq!(calls.throttled > 0, step != Step::Start, "{step:?} {calls:?}");
        }
    }
    for (count, what) in [
        (totals.ok, "ended well"),
        (totals.omitted, "was left out"),
        (totals.dead, "was given up"),
        (totals.suppressed, "came again after its end"),
        (totals.leased, "came again while it was under way"),
        (totals.after_crash, "was tried again after a crash"),
        (totals.after_giving_up, "was tried again after it had been given up"),
        (totals.unreadable, "was unreadable"),
    ] {
        assert!(count > 0, "no run {what}");
    }
}

#[test]
fn credentials_are_kept_and_none_is_used_that_expires_soon() -> Result<()> {
    // Four hours of one instance, in which each process is due every twelve minutes: the world looks at what it is shown.
    let plan = Plan {
        within: 4 * 3_600_000,
        copies: 1,
        instances: 1,
        ..Plan::drawn(
            1,
            400,
            Faults {
                refused: 1_000,
                ..Faults::NONE
            },
        )
    };
    let calls = simulate(&plan)?.totals.calls;
    let made = |step| calls.get(&step).map_or(0, |calls| calls.made);
    let (assumed, started) = (made(Step::Assume), made(Step::Start));
    assert!(
        20 < assumed && assumed < started * 9 / 10,
        "{assumed} sessions for {started} starts"
    );
    Ok(())
}

#[test]
fn a_seed_tells_the_same_story_each_time() -> Result<()> {
    let plan = |seed| Plan::drawn(seed, 200, Faults::MANY);
    assert_eq!(simulate(&plan(7))?.totals, simulate(&plan(7))?.totals);
    assert_ne!(simulate(&plan(7))?.totals, simulate(&plan(8))?.totals);
    Ok(())
}

/// What becomes of one run of this kind of target where the script goes wrong.
fn alone(token: Token, script: Vec<(u64, Fault)>) -> Result<(End, Outcome)> {
    let outcome = simulate(&Plan::given(vec![Kind::sound(token)], script))?;
    let end = *outcome.runs.first().context("no run")?;
    ensure!(end.estado == Some(EjecutadoOk), "{end:?}");
    Ok((end, outcome))
}

#[test]
fn each_step_may_fail_in_each_way() -> Result<()> {
    let (_, untouched) = alone(Token::None, Vec::new())?;
    let mut table =
        String::from("step, fault: attempts; executions of a plain target, with five minutes, idempotent\n");
    for (at, step) in (0..).zip(&untouched.steps) {
        for fault in Fault::ALL {
            let [plain, window, lasting] = [Token::None, Token::Window, Token::Lasting]
                .map(|token| alone(token, vec![(at, fault)]).map(|(end, _)| end));
            let (plain, window, lasting) = (plain?, window?, lasting?);
            assert_eq!(lasting.executed, 1);
            writeln!(
                table,
                "{} {fault:?}: {}; {} {} {}",
                step.name(),
                plain.intentos,
                plain.executed,
                window.executed,
                lasting.executed
            )?;
        }
    }
    // An execution beyond the first stands only where start or record was met between the one and the other, and never where
    // the target knows the run; five minutes are over before a message comes again whose executor was killed.
    expect![[r"
        step, fault: attempts; executions of a plain target, with five minutes, idempotent
        read KilledBefore: 1; 1 1 1
        read KilledAfter: 1; 1 1 1
        read Throttled: 1; 1 1 1
        read Lost: 1; 1 1 1
        claim KilledBefore: 1; 1 1 1
        claim KilledAfter: 2; 1 1 1
        claim Throttled: 1; 1 1 1
        claim Lost: 2; 1 1 1
        assume KilledBefore: 2; 1 1 1
        assume KilledAfter: 2; 1 1 1
        assume Throttled: 2; 1 1 1
        assume Lost: 2; 1 1 1
        start KilledBefore: 2; 1 1 1
        start KilledAfter: 2; 2 2 1
        start Throttled: 2; 1 1 1
        start Lost: 2; 2 1 1
        record KilledBefore: 2; 2 2 1
        record KilledAfter: 1; 1 1 1
        record Throttled: 1; 1 1 1
        record Lost: 1; 1 1 1
    "]]
    .assert_eq(&table);
    Ok(())
}

#[test]
fn two_things_may_go_wrong_with_one_run() -> Result<()> {
    let mut simulated = 0;
    for token in [Token::None, Token::Lasting] {
        for first in 0..5 {
            for fault in Fault::ALL {
                let (_, once) = alone(token, vec![(first, fault)])?;
                let calls = u64::try_from(once.steps.len())?;
                for second in first + 1..calls {
                    for then in Fault::ALL {
                        alone(token, vec![(first, fault), (second, then)])?;
                        simulated += 1;
                    }
                }
            }
        }
    }
    assert!(simulated > 300, "{simulated}");
    Ok(())
}

/// A batch in which runs end in every way.
fn batch() -> Vec<Kind> {
    let sound = Kind::sound(Token::None);
    vec![
        sound,
        Kind::sound(Token::Lasting),
        Kind::sound(Token::Window),
        Kind { refusals: 1, ..sound },
        Kind {
            refusals: 5,
            reintentos: 1,
            ..sound
        },
        Kind {
            gone: Some((Gone::Deleted, 0)),
            ..sound
        },
        Kind {
            gone: Some((Gone::Disabled, 0)),
            ..sound
        },
        Kind {
            poison: Some(Poison::Target),
            ..sound
        },
        Kind {
            poison: Some(Poison::Role),
            ..sound
        },
        Kind {
            poison: Some(Poison::Row),
            ..sound
        },
    ]
}

#[test]
fn a_batch_may_be_killed_at_any_call() -> Result<()> {
    let untouched = simulate(&Plan::given(batch(), Vec::new()))?;
    let states: Vec<_> = untouched.runs.iter().filter_map(|end| end.estado).collect();
    let mut expected = [
        [EjecutadoOk; 4].as_slice(),
        &[ErrorAlEjecutar],
        &[Omitido; 2],
        &[ErrorAlEjecutar; 3],
    ]
    .concat();
    assert_eq!(states, expected);
    let (intentos, executed) = untouched
        .runs
        .iter()
        .map(|end| (end.intentos, end.executed))
        .unzip::<_, _, Vec<_>, Vec<_>>();
    assert_eq!(intentos, [1, 1, 1, 2, 2, 0, 0, 1, 1, 1], "poison is buried at once");
    assert_eq!(executed, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!((untouched.totals.dead, untouched.redriven.dead), (4, 0));
    for step in Step::ALL.into_iter().filter(|step| *step != Step::Answer) {
        assert!(untouched.steps.contains(&step), "{step:?} is not among the calls");
    }
    for (at, copies, instances) in (0..u64::try_from(untouched.steps.len())?).flat_map(|at| [(at, 1, 1), (at, 3, 3)]) {
        for fault in Fault::ALL {
            let plan = Plan {
                copies,
                instances,
                ..Plan::given(batch(), vec![(at, fault)])
            };
            let ends = simulate(&plan)?.runs;
            // Of what is refused five times more attempts may be made where it is killed after it was given up.
            expected[4] = ends[4].estado.context("no state")?;
            let states: Vec<_> = ends.iter().filter_map(|end| end.estado).collect();
            assert_eq!(states, expected, "{at} {fault:?}");
            assert_eq!(ends[1].executed, 1, "{at} {fault:?}");
            let executed: usize = ends.iter().map(|end| end.executed).sum();
            assert!(executed <= 10, "{at} {fault:?}: one fault, and {executed} executions");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_table_in_memory_is_the_table_on_the_local_aws() -> Result<()> {
    let account = MiniStack::shared(Options::default())?.account();
    table(&account, "DemoEjecuciones").await?;
    let runs = Runs::new(account.dynamodb(), "DemoEjecuciones", 90);
    try_join_all((0..24).map(|lane| compared(&runs, lane))).await?;
    Ok(())
}

/// How many runs a lane plays with, one after the other, and how many operations are tried on each.
const PLAYED: u64 = 10;
const OPERATIONS: u64 = 7;

/// Does the same to both tables, whatever is drawn, and compares every answer and what is held in the end.
async fn compared(runs: &Runs, lane: u64) -> Result<()> {
    let mut draw = Draw::new(lane);
    let mut table = Table::new(90);
    for nth in 0..PLAYED {
        let run = Mensaje {
            id_ejecucion: format!("00000000-0000-5000-8000-{:012x}", lane * PLAYED + nth).parse()?,
            id_proceso: "proceso-a".parse()?,
            id_calendarizacion: "calendarizacion-a".parse()?,
            fecha_programada: "2026-01-02T11:59:00Z".parse()?,
        };
        let mut told = Vec::new();
        let mut now: Timestamp = "2026-01-02T12:00:00Z".parse()?;
        for _ in 0..OPERATIONS {
            now += Duration::from_millis([0, 1, 30_000, 60_000][draw.place(4)]);
            let owner = ["one", "two"][draw.place(2)];
            let attempt = u32::try_from(draw.below(3))? + 1;
            let (ours, theirs) = match draw.below(10) {
                0 => (
                    format!("{:?}", table.open(&run, now)?),
                    format!("{:?}", runs.open(&run, now).await?),
                ),
                1..5 => {
                    let lease = now + Duration::from_millis([0, 30_000, 90_000][draw.place(3)]);
                    (
                        format!("{:?}", table.claim(&run, owner, now, lease)?),
                        format!("{:?}", runs.claim(&run, owner, now, lease).await?),
                    )
                }
                5 => (
                    format!("{:?}", table.omit(&run, "gone", now)?),
                    format!("{:?}", runs.omit(&run, "gone", now).await?),
                ),
                drawn => {
                    let outcome = match drawn {
                        6 => runs::Outcome::Ok("answer".into()),
                        7 => runs::Outcome::Error("reason".into()),
                        _ => runs::Outcome::Again {
                            reason: "again".into(),
                            from: now + Duration::from_secs(29),
                        },
                    };
                    let took = draw.happens(5_000).then(|| Duration::from_millis(1_234));
                    (
                        format!("{:?}", table.record(&run, owner, attempt, &outcome, took, now)),
                        format!("{:?}", runs.record(&run, owner, attempt, &outcome, took, now).await?),
                    )
                }
            };
            told.push(ours.clone());
            assert_eq!(ours, theirs, "lane {lane}, run {nth}, after {told:#?}");
        }
        let (ours, theirs) = (table.get(run.id_ejecucion), runs.get(run.id_ejecucion).await?);
        assert_eq!(ours, theirs.as_ref(), "lane {lane}, run {nth}, after {told:#?}");
    }
    Ok(())
}

async fn table(account: &Account, name: &str) -> Result<()> {
    let key = KeySchemaElement::builder()
        .attribute_name("IdEjecucion")
        .key_type(KeyType::Hash);
    let id = AttributeDefinition::builder()
        .attribute_name("IdEjecucion")
        .attribute_type(ScalarAttributeType::S);
    let create = account
        .dynamodb()
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    create
        .key_schema(key.build()?)
        .attribute_definitions(id.build()?)
        .send()
        .await?;
    Ok(())
}

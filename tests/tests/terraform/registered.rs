//! What a stack's tables and Scheduler hold, for tests of processes: as it is, and what must hold between them.

use std::collections::BTreeMap;

use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Terraform};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;

use crate::common::{APP, configuration};

/// A table's item.
pub(crate) type Item = BTreeMap<String, AttributeValue>;

/// The key of processes.
pub(crate) const ID_PROCESO: &str = "IdProceso";
/// The key of calendarizaciones.
pub(crate) const ID_CALENDARIZACION: &str = "IdCalendarizacion";

/// The group of the stack's schedules.
pub(crate) fn group() -> String {
    format!("{APP}ScheduleGroup")
}

/// The stack `Prueba`, up.
pub(crate) fn stack_up(account: &Account) -> Result<Terraform> {
    let stack = Terraform::new(account, &configuration(""))?;
    stack.apply(&[])?.succeeded("apply of the stack")?;
    Ok(stack)
}

/// A configuration of processes of the stack, which is elsewhere: each as a label and its attributes.
pub(crate) fn procesos(blocks: &[(&str, String)]) -> String {
    let blocks = blocks.iter().map(|(label, attributes)| {
        format!("\nresource \"kairos_proceso\" \"{label}\" {{\n  stack = \"{APP}\"\n{attributes}}}\n")
    });
    format!(
        "{REQUIRED_PROVIDERS}\nprovider \"kairos\" {{}}\n{}",
        blocks.collect::<String>()
    )
}

/// The attributes of a process with a queue for a target, and more.
pub(crate) fn attributes(account: &Account, nombre: &str, cron: &str, more: &str) -> String {
    format!(
        "  nombre = \"{nombre}\"\n  cron = \"{cron}\"\n  arn_rol = \"arn:aws:iam::{id}:role/proceso-destino\"\n  arn_proceso = \
         \"arn:aws:sqs:{region}:{id}:Destino\"\n  {more}\n",
        id = account.id,
        region = account.region
    )
}

/// A table's items by key.
pub(crate) async fn items(account: &Account, table: &str, key: &str) -> Result<BTreeMap<String, Item>> {
    let (mut found, mut start) = (BTreeMap::new(), None);
    loop {
        let scan = account.dynamodb().scan().table_name(format!("{APP}{table}"));
        let page = scan.consistent_read(true).set_exclusive_start_key(start).send().await?;
        for item in page.items() {
            let item: Item = item.clone().into_iter().collect();
            found.insert(told(&item, key), item);
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return Ok(found);
        }
    }
}

/// The processes by id.
pub(crate) async fn rows(account: &Account) -> Result<BTreeMap<String, Item>> {
    items(account, "Procesos", ID_PROCESO).await
}

/// The calendarizaciones by id.
pub(crate) async fn calendarizaciones(account: &Account) -> Result<BTreeMap<String, Item>> {
    items(account, "Calendarizaciones", ID_CALENDARIZACION).await
}

/// An attribute in words: a text or a number; empty where there is none.
pub(crate) fn told(item: &Item, attribute: &str) -> String {
    match item.get(attribute) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
        Some(AttributeValue::Bool(flag)) => flag.to_string(),
        _ => String::new(),
    }
}

/// The names of the stack's schedules.
pub(crate) async fn names(account: &Account) -> Result<Vec<String>> {
    let list = account.scheduler().list_schedules().group_name(group());
    // The local AWS knows no second page, but larger ones than AWS.
    let listed = list.max_results(100_000).send().await?;
    let names = listed.schedules().iter().filter_map(|schedule| schedule.name());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

/// A schedule as AWS has it.
pub(crate) async fn schedule(account: &Account, name: &str) -> Result<GetScheduleOutput> {
    let get = account.scheduler().get_schedule().name(name).group_name(group());
    get.send().await.with_context(|| format!("reading the schedule {name}"))
}

/// The stack's schedules by name: all that makes them fire, in words.
pub(crate) async fn schedules(account: &Account) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for name in names(account).await? {
        let held = schedule(account, &name).await?;
        let told = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            held.state(),
            held.schedule_expression(),
            held.schedule_expression_timezone(),
            held.flexible_time_window(),
            held.start_date(),
            held.end_date(),
            held.action_after_completion(),
            held.target()
        );
        found.insert(name, told);
    }
    Ok(found)
}

/// Fails unless tables and Scheduler agree: each process is counted on its calendarización, and each calendarización has one
/// schedule, which is enabled exactly if one of its processes is.
pub(crate) async fn assert_in_order(account: &Account) -> Result<()> {
    let (rows, calendarizaciones) = (rows(account).await?, calendarizaciones(account).await?);
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for row in rows.values() {
        let (all, enabled) = counts.entry(told(row, ID_CALENDARIZACION)).or_default();
        *all += 1;
        *enabled += usize::from(told(row, "Habilitado") == "true");
    }
    let counted = calendarizaciones.iter().map(|(id, row)| -> Result<_> {
        let count = |attribute| told(row, attribute).parse::<usize>();
        let count = (count("CantProcesos")?, count("CantHabilitados")?);
        ensure!(told(row, "Estado") == "Activa", "{id} is {}", told(row, "Estado"));
        Ok((id.clone(), count))
    });
    let counted: BTreeMap<String, (usize, usize)> = counted.collect::<Result<_>>()?;
    ensure!(counted == counts, "counted {counted:#?}, there are {counts:#?}");
    let expected: Vec<String> = counts.keys().cloned().collect();
    let names = names(account).await?;
    ensure!(names == expected, "the schedules are {names:#?}, not {expected:#?}");
    for (name, (_, enabled)) in counts {
        let state = schedule(account, &name).await?.state().map(ToString::to_string);
        let expected = if enabled > 0 { "ENABLED" } else { "DISABLED" };
        ensure!(
            state.as_deref() == Some(expected),
            "{name} is {state:?}, not {expected}"
        );
    }
    Ok(())
}

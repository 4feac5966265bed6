//! The history of runs, read from the table of runs itself.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::account::Account;

/// One run, as its item tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `IdEjecucion`.
    pub id: String,
    /// `IdProceso`.
    pub id_proceso: String,
    /// `FechaProgramada`.
    pub programada: Timestamp,
    /// `Estado`.
    pub estado: String,
    /// `Intentos`.
    pub intentos: u32,
    /// `FechaTermino`, once it ended.
    pub termino: Option<Timestamp>,
    /// `Respuesta`, when it ended well.
    pub respuesta: Option<String>,
    /// `Error`, when it failed.
    pub error: Option<String>,
}

/// Every run of the stack `app`, oldest first.
pub async fn runs(account: &Account, app: &str) -> Result<Vec<Run>> {
    let table = format!("{app}Ejecuciones");
    let mut pages = account
        .dynamodb()
        .scan()
        .table_name(table)
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let mut runs = Vec::new();
    while let Some(item) = pages.next().await {
        runs.push(run(&item.context("reading the history")?)?);
    }
    runs.sort_by(|a: &Run, b: &Run| (a.programada, &a.id_proceso).cmp(&(b.programada, &b.id_proceso)));
    Ok(runs)
}

/// The runs that have a process and a time in common with another: none, if each fired once.
pub fn repeated(runs: &[Run]) -> Vec<&Run> {
    let mut seen: BTreeMap<(&str, Timestamp), usize> = BTreeMap::new();
    for run in runs {
        *seen.entry((&run.id_proceso, run.programada)).or_default() += 1;
    }
    runs.iter()
        .filter(|run| {
            seen.get(&(run.id_proceso.as_str(), run.programada))
                .is_some_and(|count| *count > 1)
        })
        .collect()
}

fn run(item: &std::collections::HashMap<String, AttributeValue>) -> Result<Run> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let needed = |name: &str| text(name).with_context(|| format!("a run without \"{name}\": {item:?}"));
    let number = |name: &str| {
        item.get(name)
            .and_then(|value| value.as_n().ok())
            .and_then(|number| number.parse().ok())
    };
    let time = |text: String| {
        text.parse::<Timestamp>()
            .with_context(|| format!("\"{text}\" is no time"))
    };
    Ok(Run {
        id: needed("IdEjecucion")?,
        id_proceso: needed("IdProceso")?,
        programada: time(needed("FechaProgramada")?)?,
        estado: needed("Estado")?,
        intentos: number("Intentos").unwrap_or_default(),
        termino: text("FechaTermino").map(time).transpose()?,
        respuesta: text("Respuesta"),
        error: text("Error"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_of_one_process_at_one_time_are_told() -> Result<()> {
        let of = |id: &str, at: &str| -> Result<Run> {
            let programada = at.parse()?;
            let (id, id_proceso, estado) = (id.to_owned(), "p".to_owned(), "EjecutadoOk".to_owned());
            Ok(Run {
                id,
                id_proceso,
                programada,
                estado,
                intentos: 1,
                termino: None,
                respuesta: None,
                error: None,
            })
        };
        let runs = [
            of("a", "2026-01-01T00:01:00Z")?,
            of("b", "2026-01-01T00:02:00Z")?,
            of("c", "2026-01-01T00:02:00Z")?,
        ];
        let ids: Vec<&str> = repeated(&runs).iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["b", "c"]);
        Ok(())
    }
}

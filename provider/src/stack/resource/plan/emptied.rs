//! What a plan says where objects are gone that held what nobody but the user can bring back.
//!
//! Invariant: a stack that was never complete has lost nothing.

use kairos::names::Names;
use tfplugin::{Attr, Diagnostic, Path};

use crate::stack::model::{ComponentModel, Components, StackModel};
use crate::stack::outputs::{MARKER, MISSING};

/// A type whose objects hold something, what that is, and how it may come back.
struct Holder {
    type_name: &'static str,
    held: &'static str,
    back: &'static str,
}

const HOLDERS: [Holder; 3] = [
    Holder {
        type_name: "AWS::DynamoDB::Table",
        held: "its items",
        // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html
        back: "DynamoDB keeps a system backup of a table with point-in-time recovery for 35 days after its deletion: to have the \
               items back, do not apply yet, restore that backup under the table's name, tag the table with {tag}, and plan again.",
    },
    Holder {
        type_name: "AWS::SQS::Queue",
        held: "its messages",
        back: "Messages of a queue that was deleted are lost: runs that waited there stay as they are in the history and can be \
               started again from there.",
    },
    Holder {
        type_name: "AWS::Scheduler::ScheduleGroup",
        held: "its schedules",
        back: "The schedules went with their group: the processes are still registered, but do not fire until their schedules are \
               made again, by the next apply of their `kairos_proceso`, whose plan shows what is missing, or by the next change of a \
               process with the same expression over the HTTP API.",
    },
];

/// The warning of what comes back empty; none where nothing is gone that held anything.
pub(super) fn warning(prior: &StackModel, names: &Names) -> Option<Diagnostic> {
    let components = prior.components.known().filter(|components| was_complete(components))?;
    let gone = |holder: &Holder| {
        let missing = entries(components).filter(|(_, entry)| {
            entry.status.as_str() == Some(MISSING) && entry.r#type.as_str() == Some(holder.type_name)
        });
        let line = |(name, entry): (&String, &ComponentModel)| {
            let id = entry.id.as_str().unwrap_or_default();
            format!("component \"{name}\": \"{id}\" and {}", holder.held)
        };
        missing.map(line).collect::<Vec<_>>()
    };
    let tag = format!("\"{}\" = \"{}\"", Names::OWNER_TAG, names.owner());
    let (mut lines, mut advice) = (Vec::new(), Vec::new());
    for holder in &HOLDERS {
        let gone = gone(holder);
        if !gone.is_empty() {
            lines.extend(gone);
            advice.push(holder.back.replace("{tag}", &tag));
        }
    }
    (!lines.is_empty()).then(|| {
        let detail = format!(
            "These objects are gone, with what they held:\n{}\n\nThis apply creates them again, empty.\n\n{}",
            lines.join("\n"),
            advice.join("\n\n")
        );
        Diagnostic::warning(format!("Parts of the stack \"{}\" come back empty", names.app), detail)
            .at(Path::root("components"))
    })
}

/// A marker that is gone was that of a complete stack, unless everything is.
fn was_complete(components: &Components) -> bool {
    let marker = components.get(MARKER).and_then(Attr::known);
    let lines = marker.and_then(|m| m.drift.known()).into_iter().flatten();
    marker.is_some() && !lines.filter_map(Attr::as_str).any(|line| line.starts_with("Phase:"))
}

fn entries(components: &Components) -> impl Iterator<Item = (&String, &ComponentModel)> {
    components
        .iter()
        .filter_map(|(name, entry)| Some((name, entry.known()?)))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use kairos::names::Place;

    use super::*;

    /// What is said of a stack whose components are of these types and statuses, with these lines about its marker.
    #[track_caller]
    fn check(components: &[(&str, &str, &str)], marker: &[&str], expect: &Expect) {
        let entry = |type_name: &str, status: &str, drift: &[&str]| {
            Attr::Known(ComponentModel {
                r#type: type_name.into(),
                id: "the-id".into(),
                status: status.into(),
                drift: Attr::Known(drift.iter().map(|line| (*line).into()).collect()),
                ..ComponentModel::default()
            })
        };
        let mut all: Components = components
            .iter()
            .map(|(name, type_name, status)| ((*name).to_owned(), entry(type_name, status, &[])))
            .collect();
        all.insert(MARKER.into(), entry("AWS::SSM::Parameter", "in_sync", marker));
        let prior = StackModel {
            components: Attr::Known(all),
            ..StackModel::default()
        };
        let place = Place {
            partition: "aws".into(),
            account: "100000000001".into(),
            region: "us-east-1".into(),
        };
        let said = warning(&prior, &Names::new("Acme", place));
        let said = said.map(|w| format!("{}\n{}", w.summary, w.detail)).unwrap_or_default();
        expect.assert_eq(&said);
    }

    const TABLE: &str = "AWS::DynamoDB::Table";

    #[test]
    fn what_is_gone_with_what_it_held_is_told() {
        check(
            &[
                ("procesos_table", TABLE, "missing"),
                ("ejecuciones_table", TABLE, "in_sync"),
                ("queue_dlq_alarm", "AWS::CloudWatch::Alarm", "missing"),
            ],
            &[],
            &expect![[r#"
                Parts of the stack "Acme" come back empty
                These objects are gone, with what they held:
                component "procesos_table": "the-id" and its items

                This apply creates them again, empty.

                DynamoDB keeps a system backup of a table with point-in-time recovery for 35 days after its deletion: to have the items back, do not apply yet, restore that backup under the table's name, tag the table with "kairos:stack" = "us-east-1/Acme", and plan again."#]],
        );
    }

    #[test]
    fn a_stack_that_was_never_complete_has_lost_nothing() {
        check(
            &[("procesos_table", TABLE, "missing")],
            &["Phase: creando → completa"],
            &expect![""],
        );
        check(&[("procesos_table", TABLE, "drifted")], &[], &expect![""]);
    }
}

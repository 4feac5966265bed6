//! What concerns several attributes of `kairos_stack` at once.
//!
//! Invariant: unknown values refuse nothing.

use tfplugin::{Attr, Diagnostics, Path};

use crate::stack::model::StackModel;

/// The longest that API Gateway waits for an answer, unless AWS raises it for the account, in seconds.
const GATEWAY_TIMEOUT: i64 = 29;

pub(super) fn validate(model: &StackModel, diagnostics: &mut Diagnostics) {
    concurrency(model, diagnostics);
    paused(model, diagnostics);
    api(model, diagnostics);
    carried(model, diagnostics);
}

fn concurrency(model: &StackModel, diagnostics: &mut Diagnostics) {
    let Some(executor) = model.executor.known() else { return };
    if executor.reserved_concurrency == Attr::Known(0) {
        diagnostics.error_at(
            Path::root("executor").attribute("reserved_concurrency"),
            "The executor would never start",
            "\"executor.reserved_concurrency\" is 0, and Lambda would refuse every invocation: no run would start, and the queue's \
             messages would be received in vain until they are dead letters. Reserve at least 1, or leave it out to share the \
             account's instances. To hold runs back for a while, set \"dispatcher.reserved_concurrency\" to 0.",
        );
    } else if let (Attr::Known(reserved), Attr::Known(maximum)) =
        (&executor.reserved_concurrency, &executor.maximum_concurrency)
        && reserved < maximum
    {
        diagnostics.error_at(
            Path::root("executor").attribute("reserved_concurrency"),
            "Reserved concurrency is too small",
            format!(
                "\"executor.reserved_concurrency\" is {reserved}, and \"executor.maximum_concurrency\" is {maximum}: messages \
                 that the queue hands over and Lambda throttles would end in the dead-letter queue. Reserve at least {maximum}."
            ),
        );
    }
}

/// A dispatcher without instances is how a stack is paused, and nothing to be left that way unawares.
fn paused(model: &StackModel, diagnostics: &mut Diagnostics) {
    let Some(dispatcher) = model.dispatcher.known() else {
        return;
    };
    if dispatcher.reserved_concurrency == Attr::Known(0) {
        diagnostics.warning_at(
            Path::root("dispatcher").attribute("reserved_concurrency"),
            "The stack is paused",
            "\"dispatcher.reserved_concurrency\" is 0, and Lambda refuses every invocation of the dispatcher: what is due is not \
             started, and goes to the dispatcher's dead-letter queue, which keeps it for 14 days. To go on, remove the attribute, \
             apply, and send those events again.",
        );
    }
}

fn api(model: &StackModel, diagnostics: &mut Diagnostics) {
    let Some(api) = model.api.known() else { return };
    let path = |name: &str| Path::root("api").attribute(name);
    if let Some(timeout) = api.timeout.known().filter(|t| **t > GATEWAY_TIMEOUT) {
        diagnostics.warning_at(
            path("timeout"),
            "API Gateway gives up earlier",
            format!("API Gateway waits {GATEWAY_TIMEOUT} s for an answer, unless AWS raised that for the account; \"api.timeout\" is {timeout}."),
        );
    }
    if api.mapping_key.is_known() && api.domain_name.is_null() {
        diagnostics.error_at(
            path("mapping_key"),
            "A mapping key needs a domain",
            "\"api.mapping_key\" is a path below \"api.domain_name\", which is not set.",
        );
    }
    for (one, other) in [("throttle_rate", "throttle_burst"), ("throttle_burst", "throttle_rate")] {
        let set = |name: &str| {
            if name == "throttle_rate" {
                !api.throttle_rate.is_null()
            } else {
                !api.throttle_burst.is_null()
            }
        };
        if set(one) && !set(other) {
            diagnostics.error_at(
                path(one),
                "A throttle needs both rate and burst",
                format!("\"api.{one}\" is set and \"api.{other}\" is not: API Gateway would refuse every request."),
            );
        }
    }
}

fn carried(model: &StackModel, diagnostics: &mut Diagnostics) {
    let carried = crate::stack::code::architectures();
    let wanted = model
        .architecture
        .as_str()
        .and_then(crate::stack::config::Architecture::parse);
    // A build without any code says so when a stack is planned.
    if let Some(wanted) = wanted.filter(|a| !carried.is_empty() && !carried.contains(a)) {
        diagnostics.push(super::not_carried(wanted));
    }
}

#[cfg(test)]
mod tests {
    use tfplugin::Number;

    use super::*;
    use crate::stack::model::{ApiModel, DispatcherModel, ExecutorModel};

    #[track_caller]
    fn check(model: &StackModel, expected: &[&str]) {
        let mut diagnostics = Diagnostics::new();
        validate(model, &mut diagnostics);
        let told: Vec<String> = diagnostics
            .iter()
            .map(|d| format!("{:?} {}: {}", d.severity, d.path.clone().unwrap_or_default(), d.summary))
            .collect();
        assert_eq!(told, expected);
    }

    fn executor(reserved: Attr<i64>, maximum: Attr<i64>) -> StackModel {
        let executor = ExecutorModel {
            reserved_concurrency: reserved,
            maximum_concurrency: maximum,
            ..ExecutorModel::default()
        };
        StackModel {
            executor: Attr::Known(executor),
            ..StackModel::default()
        }
    }

    fn with_api(api: ApiModel) -> StackModel {
        StackModel {
            api: Attr::Known(api),
            ..StackModel::default()
        }
    }

    #[test]
    fn reserved_concurrency_covers_the_maximum() {
        check(
            &executor(5.into(), 10.into()),
            &["Error executor.reserved_concurrency: Reserved concurrency is too small"],
        );
        for (reserved, maximum) in [
            (Attr::Known(10), Attr::Known(10)),
            (Attr::Null, Attr::Known(10)),
            (Attr::Unknown, 10.into()),
        ] {
            check(&executor(reserved, maximum), &[]);
        }
    }

    #[test]
    fn an_executor_that_never_starts_is_refused() {
        let told = ["Error executor.reserved_concurrency: The executor would never start"];
        check(&executor(0.into(), Attr::Null), &told);
        check(&executor(0.into(), 10.into()), &told);
        check(&executor(1.into(), Attr::Null), &[]);
    }

    #[test]
    fn a_paused_stack_is_told() {
        for (reserved, expected) in [
            (
                0.into(),
                &["Warning dispatcher.reserved_concurrency: The stack is paused"][..],
            ),
            (1.into(), &[]),
            (Attr::Null, &[]),
            (Attr::Unknown, &[]),
        ] {
            let dispatcher = DispatcherModel {
                reserved_concurrency: reserved,
                ..DispatcherModel::default()
            };
            let model = StackModel {
                dispatcher: Attr::Known(dispatcher),
                ..StackModel::default()
            };
            check(&model, expected);
        }
    }

    #[test]
    fn the_api_is_consistent_in_itself() {
        check(&with_api(ApiModel::default()), &[]);
        check(
            &with_api(ApiModel {
                mapping_key: "v1".into(),
                ..ApiModel::default()
            }),
            &["Error api.mapping_key: A mapping key needs a domain"],
        );
        check(
            &with_api(ApiModel {
                domain_name: Attr::Unknown,
                mapping_key: "v1".into(),
                ..ApiModel::default()
            }),
            &[],
        );
        check(
            &with_api(ApiModel {
                throttle_rate: Number::from(5_i64).into(),
                ..ApiModel::default()
            }),
            &["Error api.throttle_rate: A throttle needs both rate and burst"],
        );
        check(
            &with_api(ApiModel {
                timeout: 60.into(),
                ..ApiModel::default()
            }),
            &["Warning api.timeout: API Gateway gives up earlier"],
        );
    }
}

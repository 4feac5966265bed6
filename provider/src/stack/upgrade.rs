//! States that earlier versions of the schema of `kairos_stack` wrote, made into states of the present one.
//!
//! The versions:
//! - 0: the first. Its earliest states do not name the installation (`installation_id`).
//! - 1: names the installation, every setting that has a default has a value, and components say how they are changed
//!   (`change`).
//!
//! Invariant: pure, and frozen: what a version left out meant then what it means here for ever. Whoever changes the shape of
//! the state adds a version and a step, and leaves the earlier steps alone. What a step cannot know stays null: the next
//! refresh fills it in.

use serde_json::{Map, Value as Json, json};
use tfplugin::Diagnostics;

/// The version of the states that this build writes.
pub const VERSION: i64 = 1;

/// Makes a state of an earlier version into one of the present.
///
/// # Errors
/// It is no state of that version.
pub fn upgrade(version: i64, state: Json) -> Result<Json, Diagnostics> {
    let Json::Object(mut state) = state else {
        return Err(Diagnostics::of_error(
            "The state cannot be upgraded",
            format!("The state of a kairos_stack of version {version} is no object."),
        ));
    };
    if version < 1 {
        settle(&mut state);
    }
    Ok(Json::Object(state))
}

/// 0 → 1: settings that a state leaves out have the value that they had by default.
fn settle(state: &mut Map<String, Json>) {
    let function = |timeout: u32| json!({ "memory_size": 256, "timeout": timeout, "log_level": "INFO" });
    let defaults = json!({
        "dispatcher": function(900),
        "log_retention_days": 30,
        "history_retention_days": 90,
        "tracing": true,
        "architecture": "x86_64",
        "role_path": "/",
        "deletion_protection": true,
        "force_destroy": false,
    });
    complete(state, &defaults);
    let mut executor = function(120);
    executor["batch_size"] = json!(10);
    for (part, defaults) in [
        ("dispatcher", function(900)),
        ("executor", executor),
        ("api", function(29)),
    ] {
        if let Some(Json::Object(part)) = state.get_mut(part) {
            complete(part, &defaults);
        }
    }
}

/// Gives every attribute that is missing or null its default.
fn complete(object: &mut Map<String, Json>, defaults: &Json) {
    for (name, default) in defaults.as_object().into_iter().flatten() {
        let value = object.entry(name.clone()).or_insert(Json::Null);
        if value.is_null() {
            *value = default.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    /// What a provider of version 0 kept of a stack with an API, an e-mail and tags.
    const RECORDED: &str = include_str!("upgrade/version-0.json");

    fn recorded() -> Json {
        serde_json::from_str(RECORDED).unwrap()
    }

    #[test]
    fn a_recorded_state_of_version_0_is_kept_as_it_is() {
        assert_eq!(upgrade(0, recorded()).unwrap(), recorded());
    }

    #[test]
    fn what_the_earliest_states_do_not_have_is_left_to_the_next_refresh() {
        let mut earliest = recorded();
        for name in ["installation_id", "api_id", "dead_letter_queue_url"] {
            earliest.as_object_mut().unwrap().remove(name).unwrap();
        }
        let upgraded = upgrade(0, earliest.clone()).unwrap();
        assert_eq!(upgraded, earliest, "nothing is made up");
    }

    #[test]
    fn a_setting_that_is_left_out_has_its_default_and_one_that_is_there_its_value() {
        let state = json!({
            "name": "Prueba",
            "executor": { "role_prefix": "proceso-", "timeout": 60 },
            "api": { "memory_size": 512 },
            "tracing": false,
            "role_path": null,
        });
        let expected = json!({
            "name": "Prueba",
            "dispatcher": { "memory_size": 256, "timeout": 900, "log_level": "INFO" },
            "executor": {
                "role_prefix": "proceso-", "timeout": 60, "memory_size": 256, "log_level": "INFO", "batch_size": 10,
            },
            "api": { "memory_size": 512, "timeout": 29, "log_level": "INFO" },
            "log_retention_days": 30,
            "history_retention_days": 90,
            "tracing": false,
            "architecture": "x86_64",
            "role_path": "/",
            "deletion_protection": true,
            "force_destroy": false,
        });
        assert_eq!(upgrade(0, state).unwrap(), expected);
        assert_eq!(
            upgrade(0, json!({ "api": null })).unwrap()["api"],
            Json::Null,
            "no API is no API"
        );
    }

    #[test]
    fn a_state_of_the_present_version_is_left_alone() {
        let state = json!({ "name": "Prueba", "tracing": null });
        assert_eq!(upgrade(VERSION, state.clone()).unwrap(), state);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(upgrade(0, json!([])).is_err());
    }
}

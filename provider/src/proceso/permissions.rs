//! What IAM must allow for processes: the stack's parameters, the registry's rows, the schedules of its group, and the
//! executor's settings.
//!
//! Invariant: it is what the registry really calls; DynamoDB authorises a transaction by the actions that it is made of.

use kairos::names::Names;

use crate::permissions::{Permissions, Scope};

/// What reading, registering, changing and deleting processes of a stack needs, whose schedules have the role
/// `scheduler_role_arn`.
pub fn permissions(names: &Names, scheduler_role_arn: &str, kms_key_arn: Option<&str>) -> Permissions {
    let parameter = |name: &str| names.arn("ssm", &format!("parameter{name}"));
    let parameters = [
        names.parameter("Executor/PrefixRoles"),
        names.parameter("Schedule/RoleArn"),
        names.marker(),
    ];
    let parameters = Scope::of(parameters.map(|name| parameter(&name)));
    let (procesos, calendarizaciones) = (
        names.table_arn(&names.procesos_table()),
        names.table_arn(&names.calendarizaciones_table()),
    );
    let rows = Scope::of([&procesos, &calendarizaciones]);
    let index = Scope::of([format!("{procesos}/index/PorIdCalendarizacion")]);
    let (procesos, calendarizaciones) = (Scope::of([procesos]), Scope::of([calendarizaciones]));
    let schedules = Scope::of([names.schedule_arn("*")]);
    let executor = Scope::of([names.function_arn(&names.executor_function())]);
    let role = Scope::of([scheduler_role_arn]).when("StringEquals", "iam:PassedToService", ["scheduler.amazonaws.com"]);
    let permissions = Permissions::default()
        .observe(&parameters, &["ssm:GetParameters"])
        .observe(&rows, &["dynamodb:BatchGetItem", "dynamodb:GetItem"])
        // The index is queried, or read as a whole; what it says is confirmed with the table.
        .observe(&index, &["dynamodb:Query", "dynamodb:Scan"])
        .observe(&procesos, &["dynamodb:Scan"])
        .observe(&schedules, &["scheduler:GetSchedule"])
        // How long it can wait, of a process that says how long it does.
        .observe(&executor, &["lambda:GetFunctionConfiguration"])
        .create(&rows, &["dynamodb:PutItem"])
        .create(&calendarizaciones, &["dynamodb:DeleteItem", "dynamodb:UpdateItem"])
        .create(&procesos, &["dynamodb:Scan"])
        .create(&schedules, &["scheduler:CreateSchedule", "scheduler:UpdateSchedule"])
        .create(&role, &["iam:PassRole"])
        .update(&rows, &["dynamodb:PutItem"])
        .update(&calendarizaciones, &["dynamodb:DeleteItem", "dynamodb:UpdateItem"])
        .update(&procesos, &["dynamodb:Scan"])
        .update(
            &schedules,
            &[
                "scheduler:CreateSchedule",
                "scheduler:DeleteSchedule",
                "scheduler:UpdateSchedule",
            ],
        )
        .update(&role, &["iam:PassRole"])
        .delete(&rows, &["dynamodb:DeleteItem"])
        .delete(&calendarizaciones, &["dynamodb:PutItem", "dynamodb:UpdateItem"])
        .delete(&procesos, &["dynamodb:Scan"])
        .delete(&schedules, &["scheduler:DeleteSchedule", "scheduler:UpdateSchedule"])
        .delete(&role, &["iam:PassRole"]);
    let Some(key) = kms_key_arn else {
        return permissions;
    };
    let key = Scope::key(key, "dynamodb", names);
    permissions.observe(&key, &["kms:Decrypt"])
}

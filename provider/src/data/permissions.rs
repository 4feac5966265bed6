//! What IAM must allow for data sources: reading a stack's parameters, its executor's settings, its tables and its API.
//!
//! Invariant: it is what they really call. `kairos_politica_kms` and a `kairos_rol_ejecucion` of the same configuration call nothing.

use kairos::names::Names;

use super::installation::PARAMETERS;
use crate::permissions::{Permissions, Scope};
use crate::stack::kinds::rest_api;

/// What reading a stack, its processes and their runs needs.
pub fn permissions(names: &Names, kms_key_arn: Option<&str>) -> Permissions {
    let parameter = |path: &str| names.arn("ssm", &format!("parameter{}", names.parameter(path)));
    // Beside these, the parameter by which the processes' registry knows its schedules' role.
    let parameters = Scope::of(
        PARAMETERS
            .iter()
            .chain(&["Schedule/RoleArn"])
            .map(|path| parameter(path)),
    );
    let executor = Scope::of([names.function_arn(&names.executor_function())]);
    let table = |table: String| names.table_arn(&table);
    let (procesos, calendarizaciones, ejecuciones) = (
        table(names.procesos_table()),
        table(names.calendarizaciones_table()),
        table(names.ejecuciones_table()),
    );
    let rows = Scope::of([&procesos, &calendarizaciones]);
    let indexes = Scope::of([
        format!("{procesos}/index/PorIdCalendarizacion"),
        format!("{ejecuciones}/index/PorProceso"),
        format!("{ejecuciones}/index/PorEstadoDia"),
    ]);
    let schedules = Scope::of([names.schedule_arn("*")]);
    let permissions = Permissions::default()
        .observe(&parameters, &["ssm:GetParameters"])
        .observe(&executor, &["lambda:GetFunctionConfiguration"])
        .observe(&rows, &["dynamodb:BatchGetItem", "dynamodb:GetItem"])
        .observe(&Scope::of([&procesos]), &["dynamodb:Scan"])
        .observe(&indexes, &["dynamodb:Query"])
        // Rows of the earlier system do not say when they fire: their schedules do.
        .observe(&schedules, &["scheduler:GetSchedule"])
        .and(rest_api::lookup_permissions(names));
    let Some(key) = kms_key_arn else {
        return permissions;
    };
    ["dynamodb", "lambda"].iter().fold(permissions, |permissions, service| {
        permissions.observe(&Scope::key(key, service, names), &["kms:Decrypt"])
    })
}

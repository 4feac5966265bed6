//! The registry's records and writes as DynamoDB takes them; [`crate::item`] reads them back.
//!
//! Invariant: the conditions here say exactly what `kairos::registry::Tables` does in memory.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use kairos::calendarizacion::EstadoCalendarizacion;
use kairos::names::Names;
use kairos::registry::{Given, Was, Write};
use serde::Serialize;
use serde_json::Value;

use crate::item::Item;

/// The two tables that the registry writes.
#[derive(Debug, Clone)]
pub struct TableNames {
    /// The processes.
    pub procesos: String,
    /// The calendarizaciones.
    pub calendarizaciones: String,
}

impl TableNames {
    /// The tables of an installation.
    pub fn new(names: &Names) -> Self {
        Self {
            procesos: names.procesos_table(),
            calendarizaciones: names.calendarizaciones_table(),
        }
    }
}

/// The key of the table of processes.
pub const ID_PROCESO: &str = "IdProceso";
/// The key of the table of calendarizaciones.
pub const ID_CALENDARIZACION: &str = "IdCalendarizacion";

/// Why a write cannot be told to DynamoDB: a record that is no object, or an incomplete request.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// The record cannot be written as JSON.
    #[error("the record cannot be written: {0}")]
    Record(#[from] serde_json::Error),
    /// The request is incomplete.
    #[error("the request is incomplete: {0}")]
    Request(#[from] BuildError),
}

/// A record as an item whose attributes are named like the record's keys. What is none is left out.
///
/// # Errors
/// The record is not an object.
pub fn write<T: Serialize>(record: &T) -> Result<Item, serde_json::Error> {
    let object: serde_json::Map<String, Value> = serde_json::from_value(serde_json::to_value(record)?)?;
    Ok(attributes(object))
}

fn attributes(object: serde_json::Map<String, Value>) -> Item {
    let present = object.into_iter().filter(|(_, value)| !value.is_null());
    present.map(|(name, value)| (name, attribute(value))).collect()
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(list) => AttributeValue::L(list.into_iter().map(attribute).collect()),
        Value::Object(object) => AttributeValue::M(attributes(object)),
    }
}

/// The key of an item.
pub fn key(name: &str, id: &str) -> Item {
    HashMap::from([(name.to_owned(), AttributeValue::S(id.to_owned()))])
}

/// A write of the registry's as part of a transaction.
///
/// # Errors
/// None in practice: the records are objects, and the requests complete.
pub fn transact(write: &Write, tables: &TableNames) -> Result<TransactWriteItem, Unwritable> {
    let TableNames {
        procesos,
        calendarizaciones,
    } = tables;
    match write {
        Write::InsertProceso(fresh) => put(procesos, fresh, Condition::absent(ID_PROCESO)),
        Write::ReplaceProceso { proceso, was } => put(procesos, proceso, Condition::was(was)),
        Write::DeleteProceso { id, was } => delete(procesos, key(ID_PROCESO, id.as_str()), Condition::was(was)),
        Write::InsertCalendarizacion(fresh) => put(calendarizaciones, fresh, Condition::absent(ID_CALENDARIZACION)),
        Write::ReplaceCalendarizacion { row, version } => {
            put(calendarizaciones, row, Condition::version(ID_CALENDARIZACION, *version))
        }
        Write::DeleteCalendarizacion { id, version } => {
            let key = key(ID_CALENDARIZACION, id.as_str());
            delete(calendarizaciones, key, Condition::version(ID_CALENDARIZACION, *version))
        }
        Write::Count {
            id,
            procesos,
            habilitados,
            given,
        } => count(calendarizaciones, id.as_str(), *procesos, *habilitados, given),
    }
}

/// A condition with its placeholders: every attribute has one, since some names are reserved words.
struct Condition {
    text: String,
    names: HashMap<String, String>,
    values: Item,
}

impl Condition {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            names: HashMap::new(),
            values: HashMap::new(),
        }
    }

    fn name(mut self, placeholder: &str, attribute: &str) -> Self {
        self.names.insert(placeholder.to_owned(), attribute.to_owned());
        self
    }

    fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    /// There is no such item.
    fn absent(key: &str) -> Self {
        Self::new("attribute_not_exists(#id)").name("#id", key)
    }

    /// The item has this version; those of the earlier system have none, which is read as 0.
    fn version(key: &str, version: u64) -> Self {
        let text = match version {
            0 => "attribute_exists(#id) AND (attribute_not_exists(#version) OR #version = :version)",
            _ => "attribute_exists(#id) AND #version = :version",
        };
        Self::new(text)
            .name("#id", key)
            .name("#version", "Version")
            .value(":version", number(version))
    }

    /// The process is what was seen; those of the earlier system may lack what says that they are enabled.
    fn was(was: &Was) -> Self {
        let habilitado = if was.habilitado {
            "(attribute_not_exists(#habilitado) OR #habilitado = :habilitado)"
        } else {
            "#habilitado = :habilitado"
        };
        Self::version(ID_PROCESO, was.version)
            .and("#calendarizacion = :calendarizacion")
            .and(habilitado)
            .name("#calendarizacion", ID_CALENDARIZACION)
            .name("#habilitado", "Habilitado")
            .value(
                ":calendarizacion",
                AttributeValue::S(was.id_calendarizacion.to_string()),
            )
            .value(":habilitado", AttributeValue::Bool(was.habilitado))
    }

    fn and(mut self, text: &str) -> Self {
        self.text = format!("{} AND {text}", self.text);
        self
    }

    /// The values, or none: DynamoDB refuses an empty map.
    fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn put(table: &str, record: &impl Serialize, given: Condition) -> Result<TransactWriteItem, Unwritable> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(write(record)?))
        .set_expression_attribute_values(given.values())
        .set_expression_attribute_names(Some(given.names))
        .condition_expression(given.text)
        .build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn delete(table: &str, key: Item, given: Condition) -> Result<TransactWriteItem, Unwritable> {
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(key))
        .set_expression_attribute_values(given.values())
        .set_expression_attribute_names(Some(given.names))
        .condition_expression(given.text)
        .build()?;
    Ok(TransactWriteItem::builder().delete(delete).build())
}

fn count(table: &str, id: &str, procesos: i8, habilitados: i8, given: &Given) -> Result<TransactWriteItem, Unwritable> {
    let mut update = "ADD #procesos :procesos, #habilitados :habilitados, #version :uno".to_owned();
    if matches!(given, Given::Guarded(_)) {
        update.push_str(" REMOVE #guardia");
    }
    let given = counted(procesos, habilitados, given)
        .name("#procesos", "CantProcesos")
        .name("#habilitados", "CantHabilitados")
        .name("#version", "Version")
        .value(":procesos", number(procesos))
        .value(":habilitados", number(habilitados))
        .value(":uno", number(1));
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(key(ID_CALENDARIZACION, id)))
        .update_expression(update)
        .set_expression_attribute_values(given.values())
        .set_expression_attribute_names(Some(given.names))
        .condition_expression(given.text)
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

/// [`Given::holds`], for DynamoDB.
fn counted(procesos: i8, habilitados: i8, given: &Given) -> Condition {
    let active = |text: &str| {
        let active = AttributeValue::S(EstadoCalendarizacion::Activa.as_str().to_owned());
        Condition::new(text).name("#estado", "Estado").value(":activa", active)
    };
    let zero = |condition: Condition| condition.value(":cero", number(0));
    match given {
        Given::Live if habilitados > 0 => zero(active("#estado = :activa").and("#habilitados > :cero")),
        Given::Live => active("#estado = :activa"),
        Given::Guarded(owner) => active("#estado = :activa")
            .and("#guardia.#dueno = :dueno")
            .name("#guardia", "Guardia")
            .name("#dueno", "Dueno")
            .value(":dueno", AttributeValue::S(owner.clone())),
        Given::Counted => {
            let exists = Condition::new("attribute_exists(#id)").name("#id", ID_CALENDARIZACION);
            match (procesos < 0, habilitados < 0) {
                (false, false) => exists,
                (true, false) => zero(exists.and("#procesos > :cero")),
                (false, true) => zero(exists.and("#habilitados > :cero")),
                (true, true) => zero(exists.and("#procesos > :cero AND #habilitados > :cero")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::item;
    use kairos::calendarizacion::{Calendarizacion, Guardia};
    use kairos::proceso::Proceso;

    fn proceso() -> Proceso {
        serde_json::from_value(serde_json::json!({
            "IdProceso": "proceso-a", "Nombre": "Ñandú", "ArnRol": "r", "ArnProceso": "t", "Parametros": "{\"a\":1}",
            "Habilitado": false, "Reintentos": 0, "ModoInvocacion": "RequestResponse", "TiempoMaximoSegundos": 60,
            "IdCalendarizacion": "calendarizacion-a", "FechaAsignacion": "2026-01-02T03:04:05.678Z",
            "FechaCreacion": "2026-01-02T03:04:05.678Z", "FechaActualizacion": "2026-01-02T03:04:05.678Z",
            "Version": 18_446_744_073_709_551_615_u64
        }))
        .unwrap()
    }

    fn row() -> Calendarizacion {
        let at = "2026-01-02T03:04:05.678Z".parse().unwrap();
        Calendarizacion {
            id_calendarizacion: "calendarizacion-a".parse().unwrap(),
            expresion: "rate(5 minutes)".into(),
            zona_horaria: "UTC".into(),
            ventana_flexible_minutos: Some(15),
            inicio: Some(at),
            fin: None,
            grupo: "g".into(),
            arn: "a".into(),
            cant_procesos: 2,
            cant_habilitados: 1,
            estado: EstadoCalendarizacion::Activa,
            version: 7,
            fecha_creacion: at,
            guardia: Some(Guardia {
                dueno: "d".into(),
                hasta: at,
            }),
        }
    }

    #[test]
    fn records_are_read_as_they_were_written_and_leave_out_what_is_none() {
        let item = write(&proceso()).unwrap();
        assert_eq!(item["Habilitado"], AttributeValue::Bool(false));
        assert_eq!(item::read::<Proceso>(&item).unwrap(), proceso());
        let none = Proceso {
            parametros: None,
            tiempo_maximo_segundos: None,
            ..proceso()
        };
        let item = write(&none).unwrap();
        assert!(!item.contains_key("Parametros") && !item.contains_key("TiempoMaximoSegundos"));
        assert_eq!(item::read::<Proceso>(&item).unwrap(), none);

        let item = write(&row()).unwrap();
        assert_eq!(item["CantProcesos"], AttributeValue::N("2".into()));
        assert!(!item.contains_key("Fin"));
        assert_eq!(item::read::<Calendarizacion>(&item).unwrap(), row());
        let free = Calendarizacion { guardia: None, ..row() };
        assert_eq!(item::read::<Calendarizacion>(&write(&free).unwrap()).unwrap(), free);
    }

    #[test]
    fn the_attributes_are_those_of_the_contract() {
        let mut names: Vec<String> = write(&proceso()).unwrap().into_keys().collect();
        names.sort();
        let expected = "ArnProceso ArnRol FechaActualizacion FechaAsignacion FechaCreacion Habilitado \
                        IdCalendarizacion IdProceso ModoInvocacion Nombre Parametros Reintentos TiempoMaximoSegundos \
                        Version";
        assert_eq!(names.join(" "), expected);
        let mut names: Vec<String> = write(&row()).unwrap().into_keys().collect();
        names.sort();
        let expected = "Arn CantHabilitados CantProcesos Estado Expresion FechaCreacion Grupo Guardia \
                        IdCalendarizacion Inicio VentanaFlexibleMinutos Version ZonaHoraria";
        assert_eq!(names.join(" "), expected);
    }

    /// The condition of a count, with the placeholders that it uses; all that are given must be used.
    #[track_caller]
    fn check(procesos: i8, habilitados: i8, given: &Given, expected: &str) {
        let id = "calendarizacion-a".parse().unwrap();
        let write = Write::Count {
            id,
            procesos,
            habilitados,
            given: given.clone(),
        };
        let tables = TableNames {
            procesos: "P".into(),
            calendarizaciones: "C".into(),
        };
        let update = transact(&write, &tables).unwrap().update.unwrap();
        assert_eq!(update.condition_expression.as_deref(), Some(expected));
        let text = format!("{expected} {}", update.update_expression);
        let names = update.expression_attribute_names.unwrap_or_default();
        let values = update.expression_attribute_values.unwrap_or_default();
        for placeholder in names.keys().chain(values.keys()) {
            let uses = text
                .split(|c: char| " ,.()".contains(c))
                .filter(|word| word == placeholder)
                .count();
            assert!(uses > 0, "{placeholder} is not used in {text}");
        }
    }

    #[test]
    fn a_process_is_replaced_and_deleted_only_as_it_was_seen() {
        let tables = TableNames {
            procesos: "P".into(),
            calendarizaciones: "C".into(),
        };
        let condition = |seen: &Proceso| {
            let (id, was) = (seen.id_proceso.clone(), Was::from(seen));
            let delete = transact(&Write::DeleteProceso { id, was: was.clone() }, &tables).unwrap();
            let proceso = seen.clone();
            let replace = transact(&Write::ReplaceProceso { proceso, was }, &tables).unwrap();
            let (delete, put) = (delete.delete.unwrap(), replace.put.unwrap());
            assert_eq!(delete.condition_expression, put.condition_expression);
            assert_eq!(delete.expression_attribute_values, put.expression_attribute_values);
            let values = put.expression_attribute_values.unwrap();
            assert_eq!(
                values[":calendarizacion"],
                AttributeValue::S("calendarizacion-a".into())
            );
            assert_eq!(values[":habilitado"], AttributeValue::Bool(seen.habilitado));
            put.condition_expression.unwrap()
        };
        assert_eq!(
            condition(&proceso()),
            "attribute_exists(#id) AND #version = :version AND #calendarizacion = :calendarizacion AND #habilitado = \
             :habilitado"
        );
        let legacy = Proceso {
            habilitado: true,
            version: 0,
            ..proceso()
        };
        assert_eq!(
            condition(&legacy),
            "attribute_exists(#id) AND (attribute_not_exists(#version) OR #version = :version) AND #calendarizacion = \
             :calendarizacion AND (attribute_not_exists(#habilitado) OR #habilitado = :habilitado)"
        );
    }

    #[test]
    fn counts_carry_their_conditions_and_no_placeholder_too_many() {
        check(1, 0, &Given::Live, "#estado = :activa");
        check(1, 1, &Given::Live, "#estado = :activa AND #habilitados > :cero");
        check(
            1,
            1,
            &Given::Guarded("d".into()),
            "#estado = :activa AND #guardia.#dueno = :dueno",
        );
        check(-1, 0, &Given::Counted, "attribute_exists(#id) AND #procesos > :cero");
        check(0, -1, &Given::Counted, "attribute_exists(#id) AND #habilitados > :cero");
        check(
            -1,
            -1,
            &Given::Counted,
            "attribute_exists(#id) AND #procesos > :cero AND #habilitados > :cero",
        );
    }
}

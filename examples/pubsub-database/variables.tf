variable "paquete" {
  description = "The function's zip; the README says how it is made."
  type        = string
  default     = "registro.zip"
}

variable "cron_turno" {
  description = "When a shift ends."
  type        = string
  default     = "cron(0 6,14,22 * * ? *)"
}

variable "cron_cierre" {
  description = "When the statement is run."
  type        = string
  default     = "cron(30 3 * * ? *)"
}

variable "zona_horaria" {
  description = "The time zone of both."
  type        = string
  default     = "America/Santiago"
}

variable "base" {
  description = "The name of the database."
  type        = string
  default     = "ventas"
}

variable "version_base" {
  description = "Aurora PostgreSQL's version, one that can pause: of a major one alone, AWS takes its default."
  type        = string
  default     = "16"
}

variable "db_subnet_group_name" {
  description = "Where the cluster is; by default in the account's default VPC."
  type        = string
  default     = null
}

variable "sentencia" {
  description = "The nightly statement. It may use :ejecucion and :programada, and should bear being run twice."
  type        = string
  default     = <<-SQL
    insert into cierres (ejecucion, programada)
    values (cast(:ejecucion as uuid), cast(:programada as timestamptz))
    on conflict do nothing
  SQL
}

variable "name" {
  description = "The stack's name, and the prefix of everything else."
  type        = string
  default     = "Kairos"
}

variable "role_prefix" {
  description = "What the names of the roles of processes begin with."
  type        = string
  default     = "proceso-"
}

variable "notification_emails" {
  description = "Who is told when a process fails."
  type        = set(string)
  default     = []
}

variable "api" {
  description = "Whether there is an HTTP API, to start a process by hand. The account needs API Gateway's logging role."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether destroying the stack, the table and the cluster is refused."
  type        = bool
  default     = true
}

variable "name" {
  description = "The stack's name: the prefix of everything that it makes."
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
  description = "Whether there is an HTTP API. The account needs API Gateway's logging role."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

variable "zona_horaria" {
  description = "The time zone of both schedules."
  type        = string
  default     = "America/Santiago"
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

variable "arn_tema" {
  description = "The topic to publish to."
  type        = string
}

variable "arn_base" {
  description = "The Aurora cluster, with its Data API enabled."
  type        = string
}

variable "arn_secreto" {
  description = "The secret with the credentials of the database."
  type        = string
}

variable "base" {
  description = "The name of the database."
  type        = string
}

variable "sentencia" {
  description = "The nightly statement. It may use :ejecucion and :programada, and should bear being run twice."
  type        = string
}

variable "arn_roles" {
  description = "The roles of the processes: one that may publish, one that may run the statement."
  type = object({
    turno  = string
    cierre = string
  })
}

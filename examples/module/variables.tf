variable "name" {
  description = "The stack's name: the prefix of everything that it makes."
  type        = string
}

variable "archivo" {
  description = "The YAML file with the processes."
  type        = string
}

variable "zona_horaria" {
  description = "The time zone of processes that name none."
  type        = string
  default     = "UTC"
}

variable "role_path" {
  description = "The path of the roles: the stack's and its processes'."
  type        = string
  default     = "/"
}

variable "role_prefix" {
  description = "What the names of the roles of processes begin with."
  type        = string
  default     = "proceso-"
}

variable "notification_emails" {
  description = "Who is told when something is wrong."
  type        = set(string)
  default     = []
}

variable "api" {
  description = "Whether there is an HTTP API."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "A key of the customer for tables, queues, topic, logs and environments."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the stack and of the roles."
  type        = map(string)
  default     = {}
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

variable "name" {
  description = "The stack's name."
  type        = string
}

variable "notification_emails" {
  description = "Who is told when something is wrong with the stack itself."
  type        = set(string)
  default     = []
}

variable "cron" {
  description = "How often the API is called."
  type        = string
  default     = "rate(5 minutes)"
}

variable "reintentos" {
  description = "How often a call that failed in passing is repeated before it counts as a failure."
  type        = number
  default     = 2
}

variable "arn_metodo" {
  description = "The method that is called: arn:aws:execute-api:<region>:<account>:<api-id>/<stage>/<METHOD>/<path>."
  type        = string
}

variable "arn_rol" {
  description = "The role of the process, made as the output `rol` says."
  type        = string
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}

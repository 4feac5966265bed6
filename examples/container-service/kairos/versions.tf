terraform {
  required_version = ">= 1.8"

  required_providers {
    kairos = {
      source = "kairos/kairos"
    }
  }
}

"""Logs of every version of the format, for ever, with what each verb prints for them."""

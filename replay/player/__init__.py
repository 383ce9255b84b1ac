"""The player: a state machine (`state`), what it draws (`view`), and what it knows of the recording (`story`)."""

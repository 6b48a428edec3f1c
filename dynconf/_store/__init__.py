"""The pure state machine: what would a change make of everything, and is it valid?"""

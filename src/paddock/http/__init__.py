"""The HTTP front: the gateway to the models, and the management API.

Everything here is a reader and a customer of the daemon; nothing here starts or stops a process.
"""

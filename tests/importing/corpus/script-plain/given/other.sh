#!/bin/sh
echo "llama-server is not started here"

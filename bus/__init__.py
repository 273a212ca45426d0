"""MQTT: topics, envelope, codec, the paho client, and an in-memory twin."""

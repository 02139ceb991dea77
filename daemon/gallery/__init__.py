"""The gallery that a person named in the settings: finished pictures go there, favourites come and go."""

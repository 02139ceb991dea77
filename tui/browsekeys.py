"""The keys of the Queue area and the Gallery."""

from tui.picturekeys import Key, stars

QUEUE = (
    Key("queue.new", "n", "new run", "new", "queue", "new"),
    Key("queue.enhance", "E", "new picture from a picture file", "enhance", "queue"),
    Key("queue.cancel", "x", "cancel", "cancel", "queue", "cancel"),
    Key("queue.pause", "p", "pause or resume the queue", "pause", "queue", "pause"),
    Key("queue.retry", "R", "try again from the first unfinished stage", "retry", "queue", "retry"),
    Key("queue.why", "w", "why it is where it is, and when its run is done", "why", "queue", "why"),
    Key("queue.rerun", "r", "run again, from a stage on or that stage alone", "rerun", "queue"),
    Key("queue.away", "d", "away: cancel it; of what has ended, its pictures to the trash", "away", "queue"),
    Key("queue.hold", "H", "hold, or release what is held", "hold", "queue", "hold"),
    Key("queue.down", "J", "move down", "shift(1)", "queue"),
    Key("queue.up", "K", "move up", "shift(-1)", "queue"),
    Key("queue.raise", "plus", "priority up", "priority(1)", "queue"),
    Key("queue.lower", "minus", "priority down", "priority(-1)", "queue"),
    Key("queue.skip", "S", "go on without the stage it is at", "skip", "queue"),
    Key("queue.send", "b", "send to another backend, while it waits", "send", "queue", "send to"),
    Key("queue.write", "e", "write over its words while it waits", "write", "queue"),
    Key("queue.whole", "W", "rate its run as a whole", "whole", "queue"),
    Key("queue.mode", "M", "how live work and batches share the nodes", "mode", "queue"),
    Key("queue.clone", "c", "new run with the settings of this job", "clone", "queue"),
    Key("queue.details", "l,right", "to the details", "details", "queue"),
    Key("queue.list", "h,left", "back to the list", "list", "queue"),
)

GALLERY = (
    *stars("gallery"),
    Key("gallery.unrate", "0", "take the rating back", "rate(0)", "gallery"),
    Key("gallery.next", "n", "next without a rating", "unrated(1)", "gallery", "next unrated"),
    Key("gallery.previous", "N", "previous without a rating", "unrated(-1)", "gallery"),
    Key("gallery.tag", "t", "tags", "tag", "gallery", "tag"),
    Key("gallery.compare", "c", "compare two: which is better", "compare", "gallery", "compare"),
    Key("gallery.inbox", "i", "rate what waits, blind: not how it was made", "inbox", "gallery", "inbox"),
    Key("gallery.duel", "b", "two pictures that are worth comparing: which is better", "duel", "gallery"),
    Key("gallery.whole", "W", "rate its run as a whole", "whole", "gallery"),
    Key("gallery.trash", "d", "to the trash", "trash", "gallery", "trash"),
    Key("gallery.trash_view", "T", "the trash, or back to the pictures", "trash_view", "gallery"),
    Key("gallery.restore", "u", "out of the trash", "restore", "gallery"),
    Key("gallery.delete", "D", "delete for good what is in the trash (asks)", "delete", "gallery"),
    Key("gallery.disk", "M", "what takes room on the disk, and deleting by run", "disk", "gallery"),
    Key("gallery.again", "r", "new run with the settings of this picture", "again", "gallery"),
    Key("gallery.enhance", "E", "new picture from this one: paint over, upscale", "enhance", "gallery", "enhance"),
    Key("gallery.details", "e", "everything known of it", "details", "gallery"),
    Key("gallery.left", "h,left", "left", "move(-1, 0)", "gallery"),
    Key("gallery.right", "l,right", "right", "move(1, 0)", "gallery"),
)

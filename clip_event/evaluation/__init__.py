"""The field's protocols, one file each: what official files say, scored as their authors score them."""
